/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch blob: a plan of nodes that the input chooses is packed as for a start (src/confine/native/pack.c) and read as ward-init reads
 * it (init/blob.c). What is read is what the plan says, in place and whole: words, mounts, rules, filter; nothing is for writing
 * that the plan has not for writing. Then the input changes bytes of it: another magic, version or size is no blob, and an offset outside
 * ends the start.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine/native/init/blob.c"
#include "confine/native/init/init.h"
#include "confine/native/landlock.h"
#include "confine/native/native.h"
#include "confine/native/seccomp.h"
#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_launch.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)
#define NODES_MAX 24
#define CHANGES_MAX 8

static jmp_buf ended;
static bool may_end;

_Noreturn void fail(int sock, enum ward_stage stage, int err, const char *text)
{
	MUST(may_end && sock == WARD_LAUNCH_FD_CTL && stage == WARD_STAGE_BLOB && err > 0 && text);
	longjmp(ended, 1);
}

size_t msg_recv_fds(int sock, uint32_t type, int *fds, size_t max, struct ward_msg *ret)
{
	(void)sock;
	(void)type;
	(void)fds;
	(void)max;
	(void)ret;
	abort();
}

/* ---- a plan ---- */

struct from {
	const uint8_t *p;
	size_t n;
};

static unsigned next(struct from *f)
{
	if (f->n == 0)
		return 0;
	f->n--;
	return *f->p++;
}

static char words[2][48], *argv[3], *env[3];
static char dests[NODES_MAX][32];
static struct ward_node nodes[NODES_MAX];

static void choose_node(struct from *f, struct ward_node *n, char dest[32])
{
	static const char *const parts[] = { "/a", "/b", "/tmp", "/dev", "/proc", "/x.y", "/bin",
		"/w" };
	static const char text[] = "text\n";
	unsigned what = next(f), how = next(f), where = next(f);

	dest[0] = '\0';
	for (unsigned i = 0; i <= where % 3; i++)
		(void)strcat(dest, parts[(where >> (2 + 2 * i)) % 8 & 7]);
	*n = (struct ward_node){ .kind = (enum ward_node_kind)(what % (WARD_NODE_DENIED + 1)),
		.dest = dest,
		.rule = -1,
		.is_dir = how & 1,
		.write = how & 2,
		.exec = how & 4,
		.idmap = how & 8,
		.noexec = how & 16,
		.fixed = how & 32,
		.base = how & 64,
		.protect = how & 128,
		.dev = how,
		.ino = where + 1,
		.mode = 01777,
		.size = 1 << 20,
		.inodes = 1024 };
	if (n->kind == WARD_NODE_BIND)
		n->source = dest;
	if (n->kind == WARD_NODE_SYMLINK)
		n->source = "target";
	if (n->kind == WARD_NODE_FILE) {
		n->source = text;
		n->source_len = sizeof(text) - 1;
	}
}

static void choose_words(struct from *f, char **v)
{
	size_t k = 0;

	for (unsigned n = next(f) % 3; k < n; k++) {
		unsigned len = next(f) % sizeof(words[0]);

		for (size_t i = 0; i + 1 < sizeof(words[0]); i++)
			words[k][i] = i < len ? (char)(1 + next(f) % 255) : '\0';
		v[k] = words[k];
	}
	v[k] = NULL;
}

static struct ward_plan *choose(struct from *f, struct ward_pack *pack)
{
	static char tool[] = "tool";
	struct ward_host host = { .uid = 1001,
		.gid = 1001,
		.seccomp_notify = true,
		.cgroup = 2,
		.ncpus = 4,
		.memory_available = 1ull << 30 };
	signed char accept[WARD_AXIS_MAX] = { 0 };
	struct ward_plan_input in = { .workspace = "/w",
		.cwd = "/w",
		.exe = "/bin/tool",
		.argv = argv,
		.env = env,
		.nodes = nodes,
		.limits = { .memory = 64 << 20, .pids = 8, .disk = 16 << 20, .nofile = 64 },
		.attribution = WARD_ATTR_AUTO,
		.deny_errno = ENOENT,
		.minimum = ward_minimum,
		.accept = accept,
		.host = &host };
	struct ward_plan *plan = NULL;
	unsigned what = next(f);

	*pack = (struct ward_pack){ .userns = what & 1,
		.fuse = (what & 3) == 3,
		.listener = what & 4,
		.root = what & 8,
		.direct = (what & 0xf0) == 0xf0,
		.cgroup_memory = what & 16,
		.cgroup_pids = what & 32,
		.landlock_abi = (int)(next(f) % (WARD_LL_ABI_MAX + 1)),
		.command_cpu = -1 };
	host.userns = pack->userns;
	host.fuse = pack->fuse;
	host.landlock_abi = pack->landlock_abi;
	env[0] = NULL;
	choose_words(f, argv);
	if (!argv[0]) {
		argv[0] = tool;
		argv[1] = NULL;
	}
	while (in.n_nodes < NODES_MAX && f->n > CHANGES_MAX) {
		choose_node(f, &nodes[in.n_nodes], dests[in.n_nodes]);
		in.n_nodes++;
	}
	(void)ward_plan_build(&in, &plan, NULL);
	return plan;
}

/* ---- the blob ---- */

static const char *text_in(const struct ward_launch *l, uint32_t off)
{
	const char *s = blob_text(l, off);

	MUST(memchr(s, '\0', l->size - off));
	return s;
}

static const void *array_in(const struct ward_launch *l, uint32_t off, uint32_t n, size_t one,
	size_t align)
{
	MUST(off % align == 0);
	MUST(off >= sizeof(*l) && off <= l->size && n <= (l->size - off) / one);
	return (const char *)l + off;
}

static void same_words(const struct ward_launch *l, uint32_t n, uint32_t off, char *const *want)
{
	char **v;

	(void)array_in(l, off, n, sizeof(uint32_t), sizeof(uint32_t));
	v = blob_vector(l, n, off);
	for (uint32_t i = 0; i < n; i++)
		MUST(want[i] &&
			strcmp(text_in(l, (uint32_t)(v[i] - (const char *)l)), want[i]) == 0);
	MUST(!v[n] && !want[n]);
	free(v);
}

static const struct ward_node *node_of(const struct ward_plan *plan, const char *dest)
{
	for (size_t i = 0; i < plan->n_nodes; i++) {
		if (strcmp(plan->nodes[i].dest, dest) == 0)
			return &plan->nodes[i];
	}
	return NULL;
}

static void same_mounts(const struct ward_launch *l, const struct ward_plan *plan)
{
	const struct ward_launch_mount *m =
		array_in(l, l->mounts, l->n_mounts, sizeof(*m), sizeof(uint64_t));

	MUST(l->n_mounts <= plan->n_nodes);
	for (uint32_t i = 0; i < l->n_mounts; i++, m++) {
		const char *dest = text_in(l, m->dest);
		const struct ward_node *n;
		char path[64];

		MUST(dest[0] && dest[0] != '/');
		(void)snprintf(path, sizeof(path), "/%s", dest);
		n = node_of(plan, path);
		MUST(n && n->kind != WARD_NODE_DENIED);
		MUST(m->kind >= WARD_LAUNCH_BIND && m->kind <= WARD_LAUNCH_SUBTREE);
		MUST(m->source == 0 || n->kind == WARD_NODE_FILE || text_in(l, m->source));
		MUST((m->kind == WARD_LAUNCH_BIND) == (n->kind == WARD_NODE_BIND));
		MUST(!(m->flags & WARD_LAUNCH_M_WRITE) || n->write);
		if (n->kind != WARD_NODE_BIND)
			continue;
		MUST(m->ino == n->ino && m->dev == n->dev);
		MUST(strcmp(text_in(l, m->source), n->source) == 0);
		MUST(!n->noexec || (m->flags & WARD_LAUNCH_M_NOEXEC));
	}
}

static void same_rules(const struct ward_launch *l, const struct ward_plan *plan)
{
	const struct ward_launch_rule *r =
		array_in(l, l->rules, l->n_rules, sizeof(*r), sizeof(uint64_t));

	MUST(l->n_rules == 0 || l->landlock_abi);
	for (uint32_t i = 0; i < l->n_rules; i++, r++) {
		const char *path = text_in(l, r->path);
		const struct ward_node *n = node_of(plan, path);
		uint64_t writes =
			r->access & (WARD_LL_MAKE_REG | WARD_LL_REMOVE_FILE | WARD_LL_REFER);

		MUST(path[0] == '/');
		MUST(r->access && !(r->access & ~ward_ll_handled_fs((int)l->landlock_abi)));
		MUST(!writes || (n && (n->write || n->kind == WARD_NODE_TMPFS)));
		MUST(!(r->access & WARD_LL_EXECUTE) || !n || n->exec || ward_plan_all_exec(plan));
	}
}

static void whole(const struct ward_launch *l, const struct ward_plan *plan,
	const struct ward_pack *pack)
{
	const struct sock_filter *want;
	size_t n;

	same_words(l, l->argc, l->argv, plan->argv);
	same_words(l, l->envc, l->envp, plan->env);
	MUST(strcmp(text_in(l, l->exe), plan->exe) == 0 &&
		strcmp(text_in(l, l->cwd), plan->cwd) == 0);
	MUST(!l->canary || text_in(l, l->canary)[0] == '/');
	same_mounts(l, plan);
	MUST(pack->userns || l->n_mounts == 0);
	same_rules(l, plan);
	want = ward_seccomp_program(plan->seccomp | (pack->listener ? 0 : WARD_SECCOMP_NO_LISTENER),
		&n);
	MUST(l->n_filter == n &&
		memcmp(array_in(l, l->filter, l->n_filter, sizeof(*want), 8), want,
			n * sizeof(*want)) == 0);
}

/* Bytes of the input change bytes of the header; whatever is still taken for a blob is read. */
static void changed(const struct ward_buf *b, struct from *f)
{
	struct ward_launch was;
	volatile int fd = memfd_create("blob", MFD_CLOEXEC);
	const struct ward_launch *l;

	memcpy(&was, b->s, sizeof(was));
	while (f->n >= 2) {
		unsigned at = next(f) % sizeof(was);

		((uint8_t *)&was)[at] ^= (uint8_t)next(f);
	}
	MUST(fd >= 0 && write(fd, &was, sizeof(was)) == (ssize_t)sizeof(was));
	MUST(write(fd, b->s + sizeof(was), b->n - sizeof(was)) == (ssize_t)(b->n - sizeof(was)));
	l = blob_map(fd);
	MUST(!l ==
		(was.magic != WARD_LAUNCH_MAGIC || was.version != WARD_LAUNCH_VERSION ||
			was.size != b->n));
	may_end = true;
	if (l && setjmp(ended) == 0) {
		const uint32_t offs[] = { was.exe, was.cwd, was.hostname, was.mounts, was.rules,
			was.argv };

		for (size_t i = 0; i < WARD_ARRAY_SIZE(offs); i++) {
			const char *p = blob_at(l, offs[i]);

			MUST(p >= (const char *)(l + 1) && p < (const char *)l + l->size);
		}
	}
	may_end = false;
	if (l)
		munmap((void *)(uintptr_t)l, b->n);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct from f = { data, size };
	struct ward_pack pack;
	struct ward_plan *plan = choose(&f, &pack);
	struct ward_buf b = WARD_BUF_INIT;
	struct ward_launch *l;

	if (!plan)
		return 0;
	MUST(ward_pack_plan(plan, &pack, &b, NULL) == WARD_OK && b.n >= sizeof(*l));
	/* Aligned as a mapping is. */
	l = aligned_alloc(64, (b.n + 63) / 64 * 64);
	MUST(l);
	memcpy(l, b.s, b.n);
	MUST(l->size == b.n && l->magic == WARD_LAUNCH_MAGIC);
	whole(l, plan, &pack);
	free(l);
	changed(&b, &f);
	ward_buf_done(&b);
	ward_plan_free(plan);
	return 0;
}
