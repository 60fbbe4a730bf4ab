/* SPDX-License-Identifier: Apache-2.0 */
/* A store of workspaces in a directory of its own below /tmp, beside a project: what the tests of src/workspace's store share. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "tap.h"
#include "workspace/landed.h"
#include "workspace/store.h"
#include "workspace/workspace.h"

#define A "01M8BFCZ1X6EEQSZDMNBR5W7AA"
#define B "01M8BFCZ1X6EEQSZDMNBR5W7AB"
#define C "01M9BFCZ1X6EEQSZDMNBR5W7AC"

static char base[64], root[128], runs[128];
static struct ward_error err;

static inline void begin(void)
{
	snprintf(base, sizeof(base), "/tmp/ward-store-XXXXXX");
	REQUIRE(mkdtemp(base) != NULL);
	snprintf(root, sizeof(root), "%s/project", base);
	snprintf(runs, sizeof(runs), "%s/ward/runs", base);
	REQUIRE(mkdir(root, 0755) == 0);
	REQUIRE(setenv("XDG_STATE_HOME", base, 1) == 0);
	memset(&err, 0, sizeof(err));
}

__attribute__((format(printf, 1, 2))) static inline void sh(const char *fmt, ...)
{
	char text[512], command[600];
	va_list ap;
	pid_t pid;
	int status;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(command, sizeof(command), "cd %s && %s", base, text);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static inline void end(void)
{
	sh("chmod -R u+rwx . ; rm -rf %s", base);
}

static inline struct ward_born born_of(const char *path)
{
	WARD_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ward_born b;

	REQUIRE(fd >= 0);
	ward_born_of(fd, &b);
	return b;
}

static inline struct ward_workspace_facts facts_of(const char *run)
{
	struct ward_workspace_facts f = { .root = root,
		.since_ns = 5,
		.backend = WARD_DISK_DIR,
		.bound = 1 << 20,
		.log = "/var/log/x.jsonl",
		.command = "make",
		.started_ns = 6 };
	struct stat st;

	REQUIRE(stat(root, &st) == 0);
	f.root_dev = st.st_dev;
	f.root_ino = st.st_ino;
	f.root_born = born_of(root);
	snprintf(f.run, sizeof(f.run), "%s", run);
	return f;
}

static inline struct ward_workspace *make(const char *run)
{
	struct ward_workspace_facts f = facts_of(run);
	struct ward_workspace *w = NULL;

	REQUIRE(ward_workspace_make(&f, &w, &err) == WARD_OK);
	ward_workspace_sync(w, true);
	return w;
}

static inline void made_and_ended(const char *run)
{
	ward_workspace_close(make(run));
}

static inline int open_it(const char *run, enum ward_workspace_use use)
{
	struct ward_workspace *w = NULL;
	int r;

	memset(&err, 0, sizeof(err));
	r = ward_workspace_open(run, use, &w, &err);
	if (r == WARD_OK)
		ward_workspace_close(w);
	return r;
}

static inline bool there(const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", runs, name);
	return lstat(path, &st) == 0;
}

static inline unsigned names(void)
{
	DIR *d = opendir(runs);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	if (d)
		closedir(d);
	return n;
}
