/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual environment in the workspace names its home: a directory that is not granted, which a runtime's implied
 * reads might show.
 * class: configuration
 * args: out secret
 * grants: --write {ws} | --read {ws}
 * command: attempt | {ws}/venv/bin/python3 {bin}/config_virtual_environment_run.py out={out}
 * runs: 2
 * expect: any
 * escaped: leak file
 */
#include "attempt.h"

ATTEMPT(config_virtual_environment)
{
	FILE *f;

	(void)mkdir("venv", 0755);
	(void)mkdir("venv/bin", 0755);
	(void)symlink("/usr/bin/python3", "venv/bin/python3");
	f = fopen("venv/pyvenv.cfg", "w");
	if (!f)
		return refused("open");
	fprintf(f, "home = %s\ninclude-system-site-packages = true\n", arg("out"));
	fclose(f);
	return REFUSED;
}
