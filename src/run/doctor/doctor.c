/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of checks, and the report made of it as text or JSON (docs/guide/doctor.md, docs/spec/doctor.schema.json). The
 * order is that of cause and effect: what a later check needs was looked at before it. Each row that is not ok carries the
 * one command that mends it; nothing here runs that command.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/os.h"
#include "run/doctor/doctor.h"

#define FIX_KERNEL "sudo apt-get install linux-image-amd64 && sudo reboot"
#define FIX_OUTSIDE "ward doctor # outside of it"
#define FIX_LANDLOCK \
	"sudo sh -c 'echo \"GRUB_CMDLINE_LINUX=\\\"\\$GRUB_CMDLINE_LINUX lsm=landlock,$(cat /sys/kernel/security/lsm)\\\"\"" \
	" >/etc/default/grub.d/ward.cfg && update-grub && reboot'"

const struct doctor_check doctor_checks[] = {
	{ "userns", "a user namespace with mounts of its own", "files",
		"no view of its own: Landlock and seccomp alone, and only with --accept processes=advisory",
		"", DOCTOR_FAIL, doctor_userns },
	{ "namespaces", "the other namespaces: mount pid network ipc uts cgroup", "processes",
		"the command would see or reach what belongs to the host; runs are refused", "",
		DOCTOR_FAIL, doctor_namespaces },
	{ "kernel-calls", "system calls that Ward itself makes", "files", "a run cannot be built",
		FIX_KERNEL, DOCTOR_FAIL, doctor_kernel_calls },
	{ "proc", "a private /proc", "processes", "a run cannot be built", "", DOCTOR_FAIL,
		doctor_proc },
	{ "idmap", "ID-mapped mounts on the file system of the working directory", "files",
		"as root, grants on this file system are refused",
		"sudo -u \"$(stat -c %U .)\" ward run -- CMD", DOCTOR_WARN, doctor_idmap },
	{ "review", "an overlay in a user namespace", "files",
		"--review is refused; all other runs start", "sudo modprobe overlay", DOCTOR_WARN,
		doctor_review },
	{ "landlock", "Landlock", "exec", "no second layer under the view; exec falls to none",
		FIX_LANDLOCK, DOCTOR_WARN, doctor_landlock },
	{ "seccomp", "a system call filter", "syscalls",
		"refused system calls would go through; runs are refused", FIX_KERNEL, DOCTOR_FAIL,
		doctor_seccomp },
	{ "seccomp-notify", "refused system calls are seen and named", "ipc",
		"refused calls are not named, and every connect and sendto is refused, in the sandbox as well",
		FIX_KERNEL, DOCTOR_WARN, doctor_notify },
	{ "egress", "a network whose every connection goes through the gate", "network",
		"runs that are granted NETWORK_CONNECT are refused; all others start",
		"sudo modprobe -a nf_tables nft_tproxy", DOCTOR_WARN, doctor_egress },
	{ "memfd-exec", "executing the helper from memory", NULL, "no run can start",
		"sudo sysctl -w vm.memfd_noexec=0", DOCTOR_FAIL, doctor_memfd },
	{ "fuse", "/dev/fuse: refused paths are seen and named", "attribution",
		"paths are refused all the same, but not named (attribution: partial)",
		"sudo chmod 0666 /dev/fuse", DOCTOR_WARN, doctor_fuse },
	{ "cgroup-memory", "a memory limit held by the kernel", "memory",
		"memory is sampled every 10 ms instead: a fast allocation can overshoot", "",
		DOCTOR_WARN, doctor_cgroup_memory },
	{ "cgroup-pids", "a limit of processes held by the kernel", "pids",
		"RLIMIT_NPROC instead: in the run's user namespace or, without one, with all of this user's processes",
		"", DOCTOR_WARN, doctor_cgroup_pids },
	{ "cgroup-cpu", "a limit of processor time held by the kernel", "cpu",
		"--cpus holds whole processors by affinity only, which the command may change", "",
		DOCTOR_WARN, doctor_cgroup_cpu },
	{ "audit", "the default log can be opened, appended to and continued", NULL,
		"runs without --audit FILE are refused (125)", "ward run --audit FILE -- CMD",
		DOCTOR_FAIL, doctor_audit },
	{ "rlimits", "resource limits of the caller", NULL,
		"a run may fail half-way for lack of descriptors or file size", "", DOCTOR_WARN,
		doctor_rlimits },
	{ "clock", "wall clock and timers", NULL, "records carry a wrong time; timeouts come late",
		"sudo timedatectl set-ntp true", DOCTOR_WARN, doctor_clock },
	{ "run", "one real run with everything on", NULL, "ward run does not work here", "",
		DOCTOR_FAIL, doctor_run },
	{ "refusal", "a real run that must be refused a file, and its name", "files",
		"what is not granted could be read", "", DOCTOR_FAIL, doctor_refusal },
};
const size_t doctor_checks_n = WARD_ARRAY_SIZE(doctor_checks);

static const char *const status_names[] = {
	[DOCTOR_FAIL] = "fail", [DOCTOR_WARN] = "warn", [DOCTOR_OK] = "ok"
};

__attribute__((format(printf, 2, 0))) static void say(struct ward_buf *b, const char *fmt,
	va_list ap)
{
	char text[1024];

	ward_buf_clear(b);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	ward_buf_adds(b, text);
}

void doctor_say(struct doctor_finding *f, enum doctor_status s, const char *fmt, ...)
{
	va_list ap;

	f->status = s;
	va_start(ap, fmt);
	say(&f->detail, fmt, ap);
	va_end(ap);
}

void doctor_fix(struct doctor_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&f->fix, fmt, ap);
	va_end(ap);
}

static const char *fix_of(const struct doctor *d, const struct doctor_check *row,
	struct doctor_finding *f)
{
	/* What is missing here is what Ward took away: nothing of it is to be mended, least of all on the host. */
	if (d->inside)
		return FIX_OUTSIDE;
	return f->fix.n ? ward_buf_cstr(&f->fix) : row->fix;
}

static const char *consequence_of(const struct doctor_check *row, const struct doctor_finding *f)
{
	return f->lost ? f->lost : row->consequence;
}

static void put_json(const struct doctor *d, struct ward_buf *b, const struct doctor_check *row,
	struct doctor_finding *f)
{
	const char *fix = fix_of(d, row, f);

	ward_jw_open(b, '{');
	ward_jw_kstr(b, "id", row->id);
	ward_jw_kstr(b, "status", status_names[f->status]);
	ward_jw_kstr(b, "detail", ward_buf_cstr(&f->detail));
	ward_jw_kstr(b, "axis", row->axis);
	ward_jw_kstr(b, "consequence", consequence_of(row, f));
	ward_jw_kstr(b, "fix", f->status == DOCTOR_OK || !fix[0] ? NULL : fix);
	ward_jw_close(b, '}');
}

static void put_text(const struct doctor *d, struct ward_buf *b, const struct doctor_check *row,
	struct doctor_finding *f)
{
	const char *fix = fix_of(d, row, f);

	ward_buf_addf(b, "%-4s  %-14s  %s\n", status_names[f->status], row->id,
		ward_buf_cstr(&f->detail));
	if (f->status == DOCTOR_OK)
		return;
	ward_buf_addf(b, "%-4s  %-14s  %s%s: %s\n", "", "", row->axis ? "axis " : "",
		row->axis ? row->axis : "lost", consequence_of(row, f));
	if (fix[0])
		ward_buf_addf(b, "%-4s  %-14s  fix: %s\n", "", "", fix);
}

static void put_axes_json(struct ward_buf *b, const struct doctor *d)
{
	ward_jw_key(b, "axes");
	ward_jw_open(b, '{');
	for (int i = 0; d->planned && i < WARD_AXIS_MAX; i++)
		ward_jw_kstr(b, ward_axis_name((enum ward_axis)i),
			ward_level_name(d->axes[i].level));
	ward_jw_close(b, '}');
}

static void put_axes_text(struct ward_buf *b, const struct doctor *d)
{
	ward_buf_adds(b, "\nwhat a run holds here:\n");
	for (int i = 0; d->planned && i < WARD_AXIS_MAX; i++)
		ward_buf_addf(b, "      %-14s  %-8s  %s\n", ward_axis_name((enum ward_axis)i),
			ward_level_name(d->axes[i].level), d->axes[i].by ? d->axes[i].by : "");
	if (!d->planned)
		ward_buf_adds(b, "      unknown: no plan could be made\n");
}

/* All checks, each finding written as it comes. Returns how many of each status. */
static void run_checks(struct doctor *d, bool json, struct ward_buf *b, unsigned count[3],
	bool *failed)
{
	for (size_t i = 0; i < doctor_checks_n; i++) {
		const struct doctor_check *row = &doctor_checks[i];
		struct doctor_finding f = { .status = DOCTOR_FAIL };

		row->check(d, row, &f);
		*failed |= f.detail.failed || f.fix.failed;
		count[f.status]++;
		(json ? put_json : put_text)(d, b, row, &f);
		ward_buf_done(&f.detail);
		ward_buf_done(&f.fix);
	}
}

int ward_doctor(bool json, char **ret_text, int *ret_worst, struct ward_error *err)
{
	struct ward_buf head = WARD_BUF_INIT, checks = WARD_BUF_INIT;
	struct doctor d = { 0 };
	unsigned count[3] = { 0 };
	bool failed = false;
	int r;

	if (!ret_text || !ret_worst)
		return ward_fail(err, WARD_E_INVALID,
			"ward_doctor without a place for what it finds");
	*ret_text = NULL;
	*ret_worst = 2;
	r = doctor_killing(err);
	if (r == WARD_OK)
		r = ward_host_probe(&d.host, err);
	if (r < 0)
		return r;
	d.inside = doctor_is_inside();
	doctor_plan_axes(&d);
	if (json)
		ward_jw_open(&checks, '[');
	run_checks(&d, json, &checks, count, &failed);
	if (json) {
		ward_jw_close(&checks, ']');
		ward_jw_open(&head, '{');
		ward_jw_ki64(&head, "v", 1);
		ward_jw_kbool(&head, "ok", count[DOCTOR_FAIL] == 0);
		ward_jw_key(&head, "checks");
		ward_jw_raw(&head, ward_buf_str(&checks).s, ward_buf_str(&checks).n);
		put_axes_json(&head, &d);
		ward_jw_close(&head, '}');
	} else {
		ward_buf_addf(&head, "ward doctor: each mechanism was executed, as uid %u%s\n\n",
			(unsigned)d.host.uid,
			d.inside
				? ", inside a sandbox of Ward's own: this is what it lacks, not the host"
				: "");
		ward_buf_add(&head, ward_buf_str(&checks).s, ward_buf_str(&checks).n);
		put_axes_text(&head, &d);
		ward_buf_addf(&head, "\n%u ok, %u warn, %u fail\n", count[DOCTOR_OK],
			count[DOCTOR_WARN], count[DOCTOR_FAIL]);
	}
	failed |= checks.failed;
	ward_buf_done(&checks);
	ward_plan_free(d.plan);
	*ret_text = ward_buf_take(&head);
	if (failed || !*ret_text)
		return ward_fail(err, WARD_E_NOMEM, "no memory for the report");
	*ret_worst = count[DOCTOR_FAIL] ? 2 : count[DOCTOR_WARN] ? 1 : 0;
	return WARD_OK;
}
