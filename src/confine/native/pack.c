/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch blob: the plan, cut down to what ward-init does, in the order in which it does it.
 *
 * The nodes of a plan come sorted by path. Who makes one depends on what lies above it: FUSE serves synthetic
 * directories, links and generated files itself; below a private tmpfs the init makes them, or mounts the FUSE tree's own
 * part there, so that a refused name is seen there too; below a bound directory they exist already.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/native/broker.h"
#include "confine/native/landlock.h"
#include "confine/native/mutations.h"
#include "confine/native/native.h"
#include "confine/native/seccomp.h"
#include "os/os.h"

/*
 * What the self-test must not be able to open: files that every host has and that no attacker's first look is for, since a
 * name that was just refused may be answered by the kernel's cache, unseen, for a second.
 */
#define CANARIES \
	{ \
		"/etc/.pwd.lock", "/etc/debian_version", "/etc/subgid", "/etc/shells", \
			"/etc/fstab", "/etc/gshadow", "/etc/shadow" \
	}

struct packer {
	const struct ward_plan *plan;
	const struct ward_pack *pack;
	struct ward_buf b;
	struct ward_launch_mount *mounts;
	struct ward_launch_rule *rules;
	uint32_t n_mounts, n_rules, max_rules;
};

/* What makes the mount point of a node. */
enum cover { COVER_FUSE, COVER_ROOT_TMPFS, COVER_TMPFS, COVER_BIND };

static uint32_t put(struct packer *p, const void *s, size_t n, size_t align)
{
	static const char zero[16];
	size_t pad = (align - p->b.n % align) % align;
	uint32_t off;

	ward_buf_add(&p->b, zero, pad);
	off = (uint32_t)p->b.n;
	ward_buf_add(&p->b, s, n);
	return off;
}

static uint32_t put_text(struct packer *p, const char *s)
{
	return put(p, s, strlen(s) + 1, 1);
}

static uint32_t put_texts(struct packer *p, const char *const *v, size_t n)
{
	struct ward_buf offs = WARD_BUF_INIT;
	uint32_t off;

	for (size_t i = 0; i < n; i++) {
		off = put_text(p, v[i]);
		ward_buf_add(&offs, &off, sizeof(off));
	}
	off = put(p, offs.s, offs.n, sizeof(uint32_t));
	if (offs.failed)
		p->b.failed = true;
	ward_buf_done(&offs);
	return off;
}

static uint32_t put_vector(struct packer *p, char *const *v, uint32_t *ret_n)
{
	uint32_t n = 0;

	while (v && v[n])
		n++;
	*ret_n = n;
	return put_texts(p, (const char *const *)v, n);
}

static int by_dest(const void *key, const void *member)
{
	return strcmp(key, ((const struct ward_node *)member)->dest);
}

static const struct ward_node *find(const struct ward_plan *plan, const char *dest)
{
	return bsearch(dest, plan->nodes, plan->n_nodes, sizeof(*plan->nodes), by_dest);
}

/* The nearest entry above dest; NULL for the root. */
static const struct ward_node *parent_of(const struct ward_plan *plan, const char *dest)
{
	WARD_UNSET char path[WARD_PATH_MAX];
	const struct ward_node *n;
	char *slash;

	if (strlen(dest) >= sizeof(path))
		return NULL;
	memcpy(path, dest, strlen(dest) + 1);
	while ((slash = strrchr(path, '/'))) {
		if (slash == path)
			return NULL;
		*slash = 0;
		n = find(plan, path);
		if (n)
			return n;
	}
	return NULL;
}

/* ret_direct: the parent itself is the private tmpfs, not a directory of ours below it. */
static enum cover cover_of(const struct packer *p, const struct ward_node *node, bool *ret_direct)
{
	const struct ward_node *n = node;
	unsigned depth = 0;

	*ret_direct = false;
	while ((n = parent_of(p->plan, n->dest)) && n->dest[1]) {
		depth++;
		if (n->kind == WARD_NODE_DIR)
			continue;
		if (n->kind != WARD_NODE_TMPFS)
			return COVER_BIND;
		*ret_direct = depth == 1;
		return COVER_TMPFS;
	}
	return p->pack->fuse ? COVER_FUSE : COVER_ROOT_TMPFS;
}

static uint32_t bind_flags(const struct ward_node *n)
{
	return (n->write ? WARD_LAUNCH_M_WRITE : 0) | (n->is_dir ? WARD_LAUNCH_M_DIR : 0) |
		(n->idmap ? WARD_LAUNCH_M_IDMAP : 0) | (n->noexec ? WARD_LAUNCH_M_NOEXEC : 0);
}

/* The init's part of a node; kind 0: none, FUSE or the bound tree has it. */
static void classify(const struct packer *p, const struct ward_node *n, struct ward_launch_mount *m)
{
	bool direct, fuse = p->pack->fuse;
	enum cover cover = cover_of(p, n, &direct);
	bool on_tmpfs = cover == COVER_ROOT_TMPFS || (cover == COVER_TMPFS && (direct || !fuse));

	switch (n->kind) {
	case WARD_NODE_DIR:
		if (on_tmpfs)
			m->kind = fuse ? WARD_LAUNCH_SUBTREE : WARD_LAUNCH_DIR;
		m->flags = WARD_LAUNCH_M_DIR |
			(m->kind == WARD_LAUNCH_SUBTREE ? WARD_LAUNCH_M_MAKE : 0);
		/* Nobody writes to it, also where what it lies in is for writing; what lies below it is covered by it. */
		if (m->kind == WARD_LAUNCH_DIR && direct)
			m->flags |= WARD_LAUNCH_M_SEAL;
		return;
	case WARD_NODE_SYMLINK: m->kind = on_tmpfs ? WARD_LAUNCH_LINK : 0; return;
	case WARD_NODE_FILE: m->kind = on_tmpfs ? WARD_LAUNCH_FILE : 0; return;
	case WARD_NODE_MASK:
		m->kind = WARD_LAUNCH_MASK;
		m->flags = (n->is_dir ? WARD_LAUNCH_M_DIR : 0) |
			(fuse && ward_fuse_tells(n) ? WARD_LAUNCH_M_TOLD : 0);
		return;
	case WARD_NODE_DENIED:
		return; /* FUSE answers EACCES; elsewhere the name is simply not there */
	case WARD_NODE_BIND:
		if (fuse && !on_tmpfs && cover != COVER_BIND && ward_fuse_serves_file(n))
			return;
		m->kind = !n->review                        ? WARD_LAUNCH_BIND
			: ward_plan_review_root(p->plan, n) ? WARD_LAUNCH_OVERLAY
							    : WARD_LAUNCH_PART;
		m->flags = bind_flags(n);
		break;
	case WARD_NODE_CACHE:
		m->kind = WARD_LAUNCH_CACHE;
		m->flags = bind_flags(n) | WARD_LAUNCH_M_WRITE;
		break;
	case WARD_NODE_TMPFS:
	case WARD_NODE_PROC:
	case WARD_NODE_DEV:
		m->kind = n->kind == WARD_NODE_TMPFS ? WARD_LAUNCH_TMPFS
			: n->kind == WARD_NODE_PROC  ? WARD_LAUNCH_PROC
						     : WARD_LAUNCH_DEV;
		m->flags = WARD_LAUNCH_M_DIR;
		break;
	}
	if (on_tmpfs)
		m->flags |= WARD_LAUNCH_M_MAKE;
}

static void pack_mount(struct packer *p, const struct ward_node *n)
{
	struct ward_launch_mount m = { 0 };

	if (!n->dest[1])
		return;
	classify(p, n, &m);
	if (!m.kind)
		return;
	m.dest = put_text(p, n->dest + 1);
	m.mode = n->mode;
	m.dev = n->dev;
	m.ino = n->ino;
	if (n->kind == WARD_NODE_FILE) {
		m.source_len = (uint32_t)n->source_len;
		m.source = put(p, n->source, n->source_len + 1, 1);
	} else if (n->source) {
		m.source = put_text(p, n->source);
	}
	p->mounts[p->n_mounts++] = m;
}

static uint64_t inodes_of(uint64_t bytes)
{
	uint64_t n = bytes / 4096;

	return n < 1024 ? 1024 : n > 1u << 20 ? 1u << 20 : n;
}

/* What is written to what is under review. A tmpfs needs nothing of the host's. */
static void pack_layer(struct packer *p, struct ward_launch *l)
{
	const struct ward_review *v = &p->plan->review;

	if (!v->on)
		return;
	l->layer_size = v->bound;
	l->layer_inodes = inodes_of(v->bound);
	l->layer.kind = v->backend == WARD_DISK_TMPFS ? WARD_LAUNCH_TMPFS : WARD_LAUNCH_BIND;
	l->layer.flags = WARD_LAUNCH_M_WRITE | WARD_LAUNCH_M_DIR | WARD_LAUNCH_M_IDMAP;
	if (v->backend == WARD_DISK_TMPFS)
		return;
	l->layer.flags |= v->backend == WARD_DISK_LOOP ? WARD_LAUNCH_M_LOOP : 0;
	l->layer.source = put_text(p, v->layer);
	l->layer.dev = v->layer_dev;
	l->layer.ino = v->layer_ino;
}

static struct ward_launch_rule *add_rule(struct packer *p, const char *path, bool is_dir,
	uint64_t access)
{
	struct ward_launch_rule *r;

	access = ward_ll_mask(p->pack->landlock_abi, access, is_dir);
	if (!access || p->n_rules >= p->max_rules)
		return NULL;
	r = &p->rules[p->n_rules++];
	*r = (struct ward_launch_rule){ .path = put_text(p, path), .access = access };
	return r;
}

/* The host's /dev holds terminals, shared memory and disks: only the nodes that a private one would have. */
static void pack_devices(struct packer *p, const char *dev)
{
	static const char *const nodes[] = { "null", "zero", "full", "random", "urandom", "tty" };
	char path[256];

	for (size_t i = 0; i < WARD_ARRAY_SIZE(nodes); i++) {
		snprintf(path, sizeof(path), "%s/%s", dev, nodes[i]);
		if (faccessat(AT_FDCWD, path, F_OK, 0) == 0)
			add_rule(p, path, false, WARD_LL_SET_READ | WARD_LL_SET_DEV);
	}
}

/*
 * Reading is what the view shows, so one rule at its root says it; it is a rule all the same: a descriptor that leads out
 * of the view finds nothing allowed there. Writing and executing are named one by one.
 */
static void pack_rules(struct packer *p)
{
	const struct ward_plan *plan = p->plan;
	/* Then one rule at the root says so: the kernel looks at every directory above a file in any case. */
	bool all = p->pack->userns && ward_plan_all_exec(plan);

	if (p->pack->userns)
		add_rule(p, "/", true, WARD_LL_SET_READ | (all ? WARD_LL_SET_EXEC : 0));
	for (size_t i = 0; i < plan->n_nodes; i++) {
		const struct ward_node *n = &plan->nodes[i];
		bool dir = n->is_dir || n->kind != WARD_NODE_BIND;
		struct ward_launch_rule *r;
		/* At its own root too: the kernel stops walking up where everything asked for was found. */
		uint64_t access = WARD_LL_SET_READ;

		/* Without a view a private place is nowhere: a rule for it would open the host's directory of that name. */
		if (!p->pack->userns && (n->kind == WARD_NODE_TMPFS || n->kind == WARD_NODE_DEV)) {
			if (n->kind == WARD_NODE_DEV)
				pack_devices(p, n->dest);
			continue;
		}
		if (n->kind == WARD_NODE_BIND || n->kind == WARD_NODE_TMPFS ||
			n->kind == WARD_NODE_CACHE)
			access |= (n->write || n->kind != WARD_NODE_BIND ? WARD_LL_SET_WRITE : 0) |
				(n->exec && !all ? WARD_LL_SET_EXEC : 0);
		else if (n->kind == WARD_NODE_DEV || n->kind == WARD_NODE_PROC)
			/* Without namespaces /proc is the host's: other processes of the caller are not for writing to. */
			access |= p->pack->userns || n->kind == WARD_NODE_DEV ? WARD_LL_SET_DEV : 0;
		else
			continue;
		/* A file that FUSE serves is no mount: the rule at the root has it, and looking it up now costs a round trip. */
		if (p->pack->fuse && access == WARD_LL_SET_READ && ward_fuse_serves_file(n))
			continue;
		r = add_rule(p, n->dest, dir, access);
		/* Without a view the name is the host's, where it may have been given to something else meanwhile. */
		if (r && !p->pack->userns && n->kind == WARD_NODE_BIND) {
			r->dev = n->dev;
			r->ino = n->ino;
		}
	}
	for (size_t i = 0; i < plan->n_exec_paths; i++)
		add_rule(p, plan->exec_paths[i], true, WARD_LL_SET_EXEC);
}

/* A file of the host that no grant shows: the self-test must not be able to open it. */
static uint32_t pack_canary(struct packer *p)
{
	static const char *const names[] = CANARIES;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		const struct ward_node *above = parent_of(p->plan, names[i]);
		struct stat st;

		if (find(p->plan, names[i]) || (above && above->kind != WARD_NODE_DIR) ||
			fstatat(AT_FDCWD, names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		/* Without a view it is there, and a file that nobody may read anyway would say nothing. */
		if (p->pack->userns || (S_ISREG(st.st_mode) && (st.st_mode & S_IROTH)))
			return put_text(p, names[i]);
	}
	return 0;
}

static void pack_limits(struct packer *p, struct ward_launch *l)
{
	const struct ward_limits *lim = &p->plan->limits;

	l->nofile = lim->nofile;
	/* Of a user's processes: an unconfined run is not to fail for what else the user has. */
	if (!p->pack->cgroup_pids && !p->pack->direct)
		l->nproc = lim->pids;
	/* Sampling ends the run at the limit; this only bounds what one process can take between two samples. */
	if (!p->pack->cgroup_memory && lim->memory < UINT64_MAX / 4)
		l->rlimit_data = lim->memory * 4 > lim->memory + (256u << 20)
			? lim->memory * 4
			: lim->memory + (256u << 20);
	/* Nobody samples there: each process by itself. */
	if (l->rlimit_data && p->pack->direct)
		l->rlimit_data = lim->memory;
	if (!p->pack->cgroup_cpu && lim->millicpus)
		l->n_cpus = (lim->millicpus + 999) / 1000;
	l->scratch_size = lim->disk;
	l->scratch_inodes = inodes_of(lim->disk);
}

static void pack_header(struct packer *p, struct ward_launch *l)
{
	const struct ward_pack *k = p->pack;
	const struct ward_plan *plan = p->plan;

	*l = (struct ward_launch){ .magic = WARD_LAUNCH_MAGIC, .version = WARD_LAUNCH_VERSION };
	l->flags = (k->userns ? WARD_LAUNCH_USERNS : 0) | (k->fuse ? WARD_LAUNCH_FUSE : 0) |
		(k->root ? WARD_LAUNCH_ROOT : 0) | (k->ctty ? WARD_LAUNCH_CTTY : 0) |
		(k->listener ? WARD_LAUNCH_LISTENER : 0) | (k->direct ? WARD_LAUNCH_DIRECT : 0) |
		(k->userns && plan->egress ? WARD_LAUNCH_EGRESS : 0) |
		(k->userns && plan->redirects ? WARD_LAUNCH_REDIRECTS : 0) |
		(k->userns && plan->n_published ? WARD_LAUNCH_PUBLISH : 0);
	/* Without a user namespace there is no inside number: the ids are those of the host. */
	l->inside_uid = k->userns ? plan->inside_uid : plan->host_uid;
	l->inside_gid = k->userns ? plan->inside_gid : plan->host_gid;
	l->host_uid = plan->host_uid;
	l->host_gid = plan->host_gid;
	l->caller_uid = k->caller_uid;
	l->caller_gid = k->caller_gid;
	l->n_tasks = k->n_tasks;
	l->landlock_abi = (uint32_t)k->landlock_abi;
	l->landlock_fs = ward_ll_handled_fs(k->landlock_abi);
	l->landlock_scoped = ward_ll_handled_scopes(k->landlock_abi);
	l->command_cpu = k->command_cpu;
	memcpy(l->cpus, k->cpus, sizeof(l->cpus));
	pack_limits(p, l);
}

/* One look before all others, in a program that tests the self-test. */
static uint32_t put_hole(struct packer *p)
{
	struct sock_filter hole[] = {
		{ BPF_LD | BPF_W | BPF_ABS, 0, 0, WARD_OFF(FILTER_ARCH) ? 4 : 0 },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1,
			WARD_OFF(FILTER_ARCH)          ? 0x40000003 /* AUDIT_ARCH_I386 */
				: WARD_OFF(FILTER_X32) ? 0x40000000
						       : (uint32_t)SYS_ptrace },
		{ BPF_RET | BPF_K, 0, 0, 0x7fff0000 /* SECCOMP_RET_ALLOW */ },
	};

	put(p, hole, sizeof(hole), 8);
	return WARD_ARRAY_SIZE(hole);
}

static void pack_filter(struct packer *p, struct ward_launch *l, const struct sock_filter *filter,
	size_t n_filter)
{
	uint32_t hole = 0;

	if (WARD_OFF(FILTER_RULE) || WARD_OFF(FILTER_ARCH) || WARD_OFF(FILTER_X32))
		hole = put_hole(p);
	l->filter =
		put(p, filter, n_filter * sizeof(*filter), 8) - hole * (uint32_t)sizeof(*filter);
	l->n_filter = (uint32_t)n_filter + hole;
}

static void pack_body(struct packer *p, struct ward_launch *l)
{
	const struct ward_plan *plan = p->plan;
	const struct sock_filter *filter;
	size_t n_filter;

	for (size_t i = 0; p->pack->userns && i < plan->n_nodes; i++)
		pack_mount(p, &plan->nodes[i]);
	if (p->pack->userns)
		pack_layer(p, l);
	if (p->pack->landlock_abi)
		pack_rules(p);
	l->mounts = put(p, p->mounts, p->n_mounts * sizeof(*p->mounts), 8);
	l->n_mounts = p->n_mounts;
	l->rules = put(p, p->rules, p->n_rules * sizeof(*p->rules), 8);
	l->n_rules = p->n_rules;
	l->apart = put_texts(p, plan->apart, plan->n_apart);
	l->n_apart = (uint32_t)plan->n_apart;
	l->argv = put_vector(p, plan->argv, &l->argc);
	l->envp = put_vector(p, plan->env, &l->envc);
	l->exe = put_text(p, plan->exe);
	l->cwd = put_text(p, plan->cwd);
	l->hostname = put_text(p, "ward");
	l->canary = pack_canary(p);
	filter = ward_seccomp_program(plan->seccomp |
			(p->pack->listener ? 0 : WARD_SECCOMP_NO_LISTENER),
		&n_filter);
	pack_filter(p, l, filter, n_filter);
}

int ward_pack_plan(const struct ward_plan *plan, const struct ward_pack *pack, struct ward_buf *ret,
	struct ward_error *err)
{
	struct packer p = { .plan = plan,
		.pack = pack,
		.max_rules = (uint32_t)(plan->n_nodes + plan->n_exec_paths + 16) };
	struct ward_launch l;
	int r = WARD_OK;

	p.mounts = calloc(plan->n_nodes + 1, sizeof(*p.mounts));
	p.rules = calloc(p.max_rules, sizeof(*p.rules));
	pack_header(&p, &l);
	ward_buf_add(&p.b, &l, sizeof(l));
	if (p.mounts && p.rules && !p.b.failed)
		pack_body(&p, &l);
	if (!p.mounts || !p.rules || p.b.failed) {
		ward_buf_done(&p.b);
		r = ward_fail(err, WARD_E_NOMEM, "no memory for the launch blob");
	} else {
		l.size = (uint32_t)p.b.n;
		memcpy(p.b.s, &l, sizeof(l));
		*ret = p.b;
	}
	free(p.mounts);
	free(p.rules);
	return r;
}
