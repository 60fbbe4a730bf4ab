/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp: a simulator of classic BPF runs every program over tests/table/seccomp.tests, over every number, and over
 * arguments with garbage in the half that the kernel ignores, and compares with what the supervisor would
 * judge. The programs themselves are checked for form, and one is installed and tried for real.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "confine/native/seccomp.h"
#include "confine/native/kernel/seccomp_table.h"
#include "os/missing.h"
#include "seccomp_sim.h"
#include "tap.h"

#define INSNS_MAX 300
#define NUMBERS 1025
#define X32_BIT 0x40000000

static void compare(uint32_t switches, const struct seccomp_data *d)
{
	struct ward_seccomp_verdict v;
	struct sim s;
	size_t n;
	const struct sock_filter *f = ward_seccomp_program(switches, &n);
	uint32_t got = run(f, n, d, &s);

	ward_seccomp_judge(switches, d, &v);
	if (got != expected(switches, &v))
		FAIL("switches %u arch %#x nr %d args %#llx %#llx %#llx %#llx %#llx: program %#x, judge %d",
			switches, d->arch, d->nr, (unsigned long long)d->args[0],
			(unsigned long long)d->args[1], (unsigned long long)d->args[2],
			(unsigned long long)d->args[3], (unsigned long long)d->args[4], got,
			v.verb);
}

static int number(const char *name)
{
	for (int nr = 0; nr < NUMBERS; nr++)
		if (ward_seccomp_name(nr) && strcmp(ward_seccomp_name(nr), name) == 0)
			return nr;
	return -1;
}

/* ---- the table ---- */
static const struct {
	const char *name;
	enum ward_seccomp_verb verb;
} verbs[] = {
	{ "allow", WARD_SECCOMP_ALLOW },
	{ "errno", WARD_SECCOMP_ERRNO },
	{ "notify", WARD_SECCOMP_NOTIFY },
	{ "mediate", WARD_SECCOMP_MEDIATE },
	{ "open", WARD_SECCOMP_OPEN },
	{ "exec", WARD_SECCOMP_EXEC },
	{ "replace", WARD_SECCOMP_REPLACE },
	{ "write", WARD_SECCOMP_WRITE },
	{ "change", WARD_SECCOMP_CHANGE },
	{ "foreign", WARD_SECCOMP_FOREIGN },
};
static const struct {
	const char *name;
	int value;
} errors[] = {
	{ "EPERM", EPERM },
	{ "EACCES", EACCES },
	{ "EBUSY", EBUSY },
	{ "ENOSYS", ENOSYS },
	{ "EAFNOSUPPORT", EAFNOSUPPORT },
	{ "EPROTONOSUPPORT", EPROTONOSUPPORT },
	{ "EOPNOTSUPP", EOPNOTSUPP },
	{ "ENOENT", ENOENT },
	{ "EINVAL", EINVAL },
	{ "0", 0 },
};

/* False: this machine has no such call (aarch64 has no `open`). */
static bool parse_call(const char *word, struct seccomp_data *d)
{
	const char *name = strchr(word, ':') ? strchr(word, ':') + 1 : word;

	d->arch = strncmp(word, "i386:", 5) ? ward_seccomp_arch : AUDIT_ARCH_I386;
	d->nr = *name == '#' ? (int)strtoll(name + 1, NULL, 0) : number(name);
	if (strncmp(word, "x32:", 4) == 0)
		d->nr |= X32_BIT;
	return *name == '#' || d->nr >= 0;
}

static void table_row(char *line)
{
	struct seccomp_data d = { 0 };
	struct ward_seccomp_verdict v;
	char *save, *right = strstr(line, " : "), *w, detail[256], text[256] = "";
	uint32_t switches = 0;
	int verb = -1, err = 0;
	bool known = false;

	REQUIRE(right);
	*right = '\0';
	for (w = strtok_r(line, " ", &save); *w; w++)
		switches |= *w == 'r' ? WARD_SECCOMP_NETLINK_ROUTE
			: *w == 's'   ? WARD_SECCOMP_NO_SOCKET
			: *w == 'o'   ? WARD_SECCOMP_NOTIFY_OPEN
			: *w == 'x'   ? WARD_SECCOMP_NOTIFY_EXEC
			: *w == 'm'   ? WARD_SECCOMP_NOTIFY_REPLACE
			: *w == 'w'   ? WARD_SECCOMP_NOTIFY_WRITE
				      : 0;
	w = strtok_r(NULL, " ", &save);
	REQUIRE(w);
	if (!parse_call(w, &d)) {
		FAIL("no such call");
		return;
	}
	for (unsigned i = 0; i < 6 && (w = strtok_r(NULL, " ", &save)); i++)
		d.args[i] = *w == '-' ? (uint64_t)strtoll(w, NULL, 0) : strtoull(w, NULL, 0);
	w = strtok_r(right + 3, " ", &save);
	for (size_t i = 0; w && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(verbs[i].name, w) == 0)
			verb = verbs[i].verb;
	w = strtok_r(NULL, " ", &save);
	for (size_t i = 0; w && i < sizeof(errors) / sizeof(*errors); i++)
		if (strcmp(errors[i].name, w) == 0) {
			err = errors[i].value;
			known = true;
		}
	REQUIRE(verb >= 0 && (!w || known));
	while ((w = strtok_r(NULL, " ", &save)))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", *text ? " " : "",
			w);

	ward_seccomp_judge(switches, &d, &v);
	CHECK_EQ_INT(v.verb, verb);
	if (verb != WARD_SECCOMP_FOREIGN)
		CHECK_EQ_INT(v.err, err);
	if (verb == WARD_SECCOMP_NOTIFY)
		CHECK_STR_EQ(ward_seccomp_detail(&d, &v, detail, sizeof(detail)), text);
	compare(switches, &d);
	compare(switches | WARD_SECCOMP_NO_LISTENER, &d);
}

TEST(table)
{
	FILE *f = fopen(TABLE_DIR "/seccomp.tests", "re");
	char line[1024];
	unsigned rows = 0;

	REQUIRE(f);
	for (unsigned n = 1; fgets(line, sizeof(line), f); n++) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || !line[0])
			continue;
		CASE("seccomp.tests:%u %.200s", n, line);
		table_row(line);
		rows++;
	}
	fclose(f);
	CASE("rows");
	CHECK(rows > 200);
}

#ifdef __x86_64__
TEST(x32_is_foreign)
{
	static const char *const names[] = { "read", "getpid", "execve", "ptrace", "io_setup" };
	struct ward_seccomp_verdict v;
	char detail[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct seccomp_data d = { .nr = number(names[i]) | X32_BIT,
			.arch = ward_seccomp_arch };

		CASE("%s", names[i]);
		ward_seccomp_judge(0, &d, &v);
		CHECK_EQ_INT(v.verb, WARD_SECCOMP_FOREIGN);
		CHECK_STR_EQ(v.name, "");
		for (uint32_t s = 0; s < WARD_SECCOMP_VARIANTS; s++)
			compare(s, &d);
	}
	struct seccomp_data d = { .nr = 41 | X32_BIT, .arch = ward_seccomp_arch };
	ward_seccomp_judge(0, &d, &v);
	CHECK_STR_EQ(ward_seccomp_detail(&d, &v, detail, sizeof(detail)), "x32 call 41");
	d = (struct seccomp_data){ .nr = 11, .arch = AUDIT_ARCH_I386 };
	ward_seccomp_judge(0, &d, &v);
	CHECK_STR_EQ(ward_seccomp_detail(&d, &v, detail, sizeof(detail)),
		"architecture 0x40000003 call 11");
	CHECK_STR_EQ(ward_seccomp_detail(&d, &v, detail, 6), "archi");
	CHECK_STR_EQ(ward_seccomp_detail(&d, &v, detail, 1), "");
}
#endif

/* ---- all numbers, many arguments ---- */
static uint64_t rnd(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

TEST(every_number_in_every_variant)
{
	static const uint64_t args[] = { 0, 1, 2, 5, 6, 8, 10, 16, 17, 35, 0x5412, 0x10000000,
		0x20000000, 0x40000, 0xffffffff, 0x100000000, 0xffffffff00000000, UINT64_MAX };
	unsigned count = sizeof(args) / sizeof(*args);
	uint64_t state = 88172645463325252ull;

	for (uint32_t s = 0; s < WARD_SECCOMP_VARIANTS; s++) {
		for (int nr = -2; nr < NUMBERS; nr++) {
			for (unsigned k = 0; k < count + 8; k++) {
				struct seccomp_data d = { .nr = nr, .arch = ward_seccomp_arch };

				for (unsigned i = 0; i < 6; i++)
					d.args[i] = k < count ? args[k]
							      : args[rnd(&state) % count] ^
							(rnd(&state) % 3 ? 0 : rnd(&state) << 32);
				compare(s, &d);
			}
		}
		for (unsigned k = 0; k < 20000; k++) {
			struct seccomp_data d = { .nr = (int)rnd(&state),
				.arch = ward_seccomp_arch };

			if (k % 4 == 0)
				d.arch = k % 8 ? AUDIT_ARCH_I386 : (uint32_t)rnd(&state);
			compare(s, &d);
		}
	}
	CHECK(true);
}

/* The kernel takes 32 bits of an int argument: the other half must never change the verdict. */
TEST(garbage_in_the_upper_half_changes_nothing)
{
	static const char *const names[] = { "socket", "socketpair", "ioctl", "prctl", "seccomp",
		"personality", "clone", "sendmsg", "sendmmsg", "openat", "fchmodat", "mknodat",
		"memfd_create", "shmget", "mmap", "setsockopt" };
	uint64_t state = 424242;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		for (unsigned k = 0; k < 5000; k++) {
			struct seccomp_data d = { .nr = number(names[i]),
				.arch = ward_seccomp_arch },
					    g;
			struct sim s;
			size_t n;
			const struct sock_filter *f = ward_seccomp_program(k & 7, &n);

			for (unsigned j = 0; j < 6; j++)
				d.args[j] = rnd(&state) % 64 < 50 ? rnd(&state) % 45
								  : rnd(&state) & 0xffffffff;
			g = d;
			for (unsigned j = 0; j < 6; j++)
				g.args[j] |= rnd(&state) << 32;
			if (run(f, n, &d, &s) != run(f, n, &g, &s))
				FAIL("%s: %#llx %#llx %#llx", names[i],
					(unsigned long long)g.args[0],
					(unsigned long long)g.args[1],
					(unsigned long long)g.args[2]);
		}
	}
	CHECK(true);
}

/* What is served by the kernel's bitmap: its own emulation knows the number and the architecture only. */
TEST(ordinary_calls_have_constant_verdicts)
{
	unsigned allowed = 0, constant = 0, deepest = 0;
	size_t n;
	const struct sock_filter *f = ward_seccomp_program(0, &n);

	for (int nr = 0; nr < NUMBERS; nr++) {
		struct seccomp_data d = { .nr = nr, .arch = ward_seccomp_arch };
		struct sim s;

		if (run(f, n, &d, &s) == SECCOMP_RET_ALLOW) {
			allowed++;
			constant += s.args_read == 0;
		}
		deepest = s.steps > deepest ? s.steps : deepest;
	}
	printf("# %u calls allowed, %u of them constant; %zu instructions, at most %u executed\n",
		allowed, constant, n, deepest);
	CHECK(constant > 250);
	/*
	 * ioctl, clone, prctl, fcntl, ... and what takes the mode of a file: no set-ID programs; setrlimit and prlimit64, which are called
	 * once a program if at all: no core dumps; mmap (of whose 3.3 us the filter's share was not to be measured), memfd_create and shmget:
	 * none of the host's huge pages; setsockopt, which is called once or twice a socket: no programs of one's own on it;
	 * renameat2, which looks up two names: no whiteout; pipe2, which makes two files: none for the kernel's news; and what changes
	 * the turn of a process, at a disk too: not that of process 1
	 */
	CHECK(allowed - constant <= 33);
	CHECK(deepest <= 40);
}

TEST(programs_are_well_formed)
{
	for (uint32_t s = 0; s < WARD_SECCOMP_VARIANTS; s++) {
		bool reached[INSNS_MAX + 1] = { true };
		size_t n;
		const struct sock_filter *f = ward_seccomp_program(s, &n);

		CASE("variant %u", s);
		REQUIRE(n > 10 && n <= INSNS_MAX);
		for (size_t pc = 0; pc < n; pc++) {
			bool jump = BPF_CLASS(f[pc].code) == BPF_JMP,
			     ret = BPF_CLASS(f[pc].code) == BPF_RET;
			size_t to[2] = { pc + 1, pc + 1 };

			CHECK_MSG(reached[pc], "instruction %zu is never reached", pc);
			if (jump && BPF_OP(f[pc].code) == BPF_JA) {
				to[0] = to[1] = pc + 1 + f[pc].k;
			} else if (jump) {
				to[0] += f[pc].jt;
				to[1] += f[pc].jf;
			}
			if (ret)
				continue;
			CHECK_MSG(to[0] < n && to[1] < n, "instruction %zu leaves the program", pc);
			reached[to[0] < n ? to[0] : n] = reached[to[1] < n ? to[1] : n] = true;
		}
		CHECK_EQ_INT(BPF_CLASS(f[n - 1].code), BPF_RET);
		/* the first thing looked at is the architecture */
		CHECK(f[0].code == (BPF_LD | BPF_W | BPF_ABS) && f[0].k == 4);
		CHECK(f[1].code == (BPF_JMP | BPF_JEQ | BPF_K) && f[1].k == ward_seccomp_arch);
	}
	size_t a, b;
	CHECK_EQ_PTR(ward_seccomp_program(0, &a), ward_seccomp_program(1u << 20, &b));
	/* What changes nothing is no program of its own: 128 combinations are 26 programs. */
	CHECK_EQ_PTR(ward_seccomp_program(WARD_SECCOMP_NO_LISTENER, &a),
		ward_seccomp_program(WARD_SECCOMP_NO_LISTENER | WARD_SECCOMP_NOTIFY_EXEC |
				WARD_SECCOMP_NOTIFY_REPLACE,
			&b));
	unsigned distinct = 0;
	for (uint32_t s = 0; s < WARD_SECCOMP_VARIANTS; s++) {
		uint32_t first = 0;

		while (ward_seccomp_program(first, &a) != ward_seccomp_program(s, &b))
			first++;
		distinct += first == s;
	}
	CHECK(distinct <= 26);
	printf("# %u programs\n", distinct);
}

/* With the switches on, nothing but the calls that they name is notified that was allowed before. */
TEST(a_switch_touches_its_own_calls_only)
{
	static const struct {
		uint32_t bit;
		const char *names;
	} rows[] = {
		{ WARD_SECCOMP_NOTIFY_EXEC, " execve execveat " },
		{ WARD_SECCOMP_NOTIFY_REPLACE, " unlink unlinkat rename renameat renameat2 " },
		{ WARD_SECCOMP_NOTIFY_WRITE, /* of arguments that are all 0 */
			" creat truncate unlink unlinkat rename renameat renameat2 mkdir mkdirat rmdir link linkat "
			"symlink symlinkat mknod mknodat chmod fchmodat fchmodat2 chown lchown fchownat "
			"utime utimes futimesat setxattr lsetxattr setxattrat removexattr lremovexattr "
			"removexattrat file_setattr " },
	};

	TABLE(row, rows) {
		for (int nr = 0; nr < NUMBERS; nr++) {
			struct seccomp_data d = { .nr = nr, .arch = ward_seccomp_arch };
			const char *name = ward_seccomp_name(nr);
			char word[80];
			size_t n, m;
			const struct sock_filter *f = ward_seccomp_program(0, &n);
			const struct sock_filter *g = ward_seccomp_program(row->bit, &m);
			struct sim s;
			uint32_t without = run(f, n, &d, &s), with = run(g, m, &d, &s);

			(void)snprintf(word, sizeof(word), " %s ", name ? name : "?");
			CASE("%s", word);
			CHECK_EQ_INT(with != without, strstr(row->names, word) != NULL);
			CHECK(with == without || with == SECCOMP_RET_USER_NOTIF);
		}
	}
}

TEST(names)
{
	CHECK_STR_EQ(ward_seccomp_name(SYS_read), "read");
	CHECK_STR_EQ(ward_seccomp_name(SYS_openat), "openat");
	CHECK_STR_EQ(ward_seccomp_name(462), "mseal");
	CHECK_NULL(ward_seccomp_name(-1));
	CHECK_NULL(ward_seccomp_name(400));
	CHECK_NULL(ward_seccomp_name(1 << 30));
}

/* data/seccomp/numbers against a library that others maintain, where it is installed; both machines. */
TEST(numbers_agree_with_libseccomp)
{
	void *lib = dlopen("libseccomp.so.2", RTLD_NOW);
	int (*resolve)(uint32_t arch, const char *name);
	FILE *f = fopen(NUMBERS_FILE, "re");
	char line[256], name[64], x86[16], arm[16];
	unsigned known = 0;

	REQUIRE(f);
	if (!lib)
		SKIP("libseccomp.so.2 is not installed");
	*(void **)&resolve = dlsym(lib, "seccomp_syscall_resolve_name_arch");
	REQUIRE(resolve);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || sscanf(line, "%63s %15s %15s", name, x86, arm) != 3)
			continue;
		int want[2] = { x86[0] == '-' ? -1 : atoi(x86), arm[0] == '-' ? -1 : atoi(arm) };
		int got[2] = { resolve(AUDIT_ARCH_X86_64, name),
			resolve(AUDIT_ARCH_AARCH64, name) };

		CASE("%s", name);
		for (int i = 0; i < 2; i++) {
			if (got[0] == -1 && got[1] == -1)
				continue; /* newer than the library */
			CHECK_EQ_INT(got[i] < 0 ? -1 : got[i], want[i]);
			known++;
		}
	}
	CASE("all");
	CHECK(known > 600);
	fclose(f);
	dlclose(lib);
}

/* ---- for real ---- */
static int install(uint32_t switches, unsigned flags)
{
	size_t n;
	const struct sock_filter *f = ward_seccomp_program(switches, &n);
	struct sock_fprog prog = { .len = (unsigned short)n };

	memcpy(&prog.filter, &f, sizeof(f));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	return fd < 0 ? -errno : (int)fd;
}

#define TRY(n, cond) \
	do { \
		errno = 0; \
		if (!(cond)) \
			_exit(n); \
	} while (0)

/* Exit code 0, or the number of the first thing that was wrong. */
static void live_child(void)
{
	int sv[2];
	/* The filter of a container mostly refuses all of unshare. */
	bool may = syscall(SYS_unshare, 0x200) == 0;

	TRY(2, install(WARD_SECCOMP_NO_LISTENER, 0) == 0);
	TRY(3, getppid() > 0);
	TRY(4, syscall(SYS_unshare, 0x10000000) == -1 && errno == EPERM);
	TRY(5, !may || syscall(SYS_unshare, 0x200) == 0);
	TRY(6, socket(40, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT);
	TRY(7, syscall(WARD_NR_CLONE3, NULL, 0) == -1 && errno == ENOSYS);
	TRY(8, socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == -1 && errno == EACCES);
	TRY(9, socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
	TRY(10, send(sv[0], "x", 1, 0) == 1);
	TRY(11, send(sv[0], "x", 1, MSG_FASTOPEN) == -1 && errno == EOPNOTSUPP);
	TRY(12, syscall(SYS_ioctl, 0, 0xffffffff00005412ul, "x") == -1 && errno == EPERM);
	TRY(13, syscall(SYS_keyctl, 0, -4, 0) == -1 && errno == EPERM);
	TRY(14, syscall(999) == -1 && errno == ENOSYS);
	TRY(15, socket(AF_INET, SOCK_STREAM, 262) == -1 && errno == EPROTONOSUPPORT);
	TRY(16, connect(sv[0], NULL, 0) == -1 && errno == EACCES);
	pid_t pid = fork();
	TRY(17, pid >= 0);
	if (pid == 0)
		_exit(0);
	TRY(18, waitpid(pid, &sv[0], 0) == pid && sv[0] == 0);
	_exit(0);
}

TEST(live_without_a_listener)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		live_child();
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ_INT(WEXITSTATUS(status), 0);
}

#ifdef __x86_64__
TEST(live_foreign_calls_are_killed)
{
	for (int how = 0; how < 2; how++) {
		int status = 0;
		pid_t pid = fork();

		CASE("%s", how ? "int 0x80" : "x32");
		if (pid == 0) {
			if (install(WARD_SECCOMP_NO_LISTENER, 0) < 0)
				_exit(2);
			long r = X32_BIT | SYS_getpid;

			if (how)
				__asm__ volatile("int $0x80"
						 : "=a"(r)
						 : "a"(20L)
						 : "memory", "r8", "r9", "r10", "r11");
			else
				syscall(r);
			_exit(3);
		}
		CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
		/* a kernel without 32-bit emulation faults instead */
		CHECK(WTERMSIG(status) == SIGSYS || (how && WTERMSIG(status) == SIGSEGV));
	}
}
#endif

/* The supervisor's side: a refused call arrives, is judged by the same rules and answered. */
TEST(live_with_a_listener)
{
	int sv[2], status = 0;
	struct seccomp_notif req = { 0 };
	struct seccomp_notif_resp resp = { 0 };
	struct ward_seccomp_verdict v;
	char detail[64];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		int fd = install(0, SECCOMP_FILTER_FLAG_NEW_LISTENER);

		TRY(2, fd >= 0);
		TRY(3, write(sv[1], &fd, sizeof(fd)) == (ssize_t)sizeof(fd));
		TRY(4, socket(40, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT);
		TRY(5, getpid() > 0);
		_exit(0);
	}
	close(sv[1]);
	int theirs = -1, pidfd = (int)syscall(WARD_NR_PIDFD_OPEN, pid, 0);
	if (read(sv[0], &theirs, sizeof(theirs)) != (ssize_t)sizeof(theirs)) {
		waitpid(pid, &status, 0);
		SKIP("this kernel or an outer filter gives no listener (%d)", WEXITSTATUS(status));
	}
	int fd = (int)syscall(WARD_NR_PIDFD_GETFD, pidfd, theirs, 0);
	if (fd < 0 && errno == EPERM) { /* its call would wait for ever: the listener is its own */
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		SKIP("an outer filter, or the lack of CAP_SYS_PTRACE, refuses pidfd_getfd");
	}
	REQUIRE(fd >= 0);
	CHECK_EQ_INT(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &req), 0);
	ward_seccomp_judge(0, &req.data, &v);
	CHECK_EQ_INT(v.verb, WARD_SECCOMP_NOTIFY);
	CHECK_STR_EQ(v.name, "socket");
	CHECK_STR_EQ(ward_seccomp_detail(&req.data, &v, detail, sizeof(detail)),
		"AF_VSOCK SOCK_STREAM");
	resp.id = req.id;
	resp.error = -v.err;
	CHECK_EQ_INT(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &resp), 0);
	CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ_INT(WEXITSTATUS(status), 0);
	close(fd);
	close(pidfd);
	close(sv[0]);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

TEST(install_time)
{
	uint64_t best = UINT64_MAX, t;
	int p[2];

	REQUIRE(pipe(p) == 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			t = now_ns();
			if (install(0, SECCOMP_FILTER_FLAG_NEW_LISTENER) < 0)
				_exit(1);
			t = now_ns() - t;
			_exit(write(p[1], &t, sizeof(t)) != (ssize_t)sizeof(t));
		}
		int status = 1;
		CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
		if (status) {
			close(p[0]);
			close(p[1]);
			SKIP("no listener to be had");
		}
		CHECK(read(p[0], &t, sizeof(t)) == (ssize_t)sizeof(t));
		best = t < best ? t : best;
	}
	printf("# installing takes %u us (best of 20)\n", (unsigned)(best / 1000));
	close(p[0]);
	close(p[1]);
}

TAP_MAIN();
