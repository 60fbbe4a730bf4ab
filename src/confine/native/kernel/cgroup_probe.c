/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup, places: where directories for runs can be made. Looks at the fixed mount points first, because reading
 * mountinfo costs more than all the rest; trusts only directories that statfs says are cgroup file systems.
 * Looking changes nothing, but for one thing: on v2 a directory `ward` is made, as root at the top, else in what was
 * delegated to the caller, and controllers are turned on for it, since without that nothing can be known.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "confine/native/kernel/cgroup_private.h"
#include "os/missing.h"
#include "os/os.h"

static const char *const controllers[WARD_CGROUP_CONTROLLERS] = { "memory", "pids", "cpu" };

/* v1 mount points that distributions use, in the order of controllers. */
static const char *const usual[WARD_CGROUP_CONTROLLERS][2] = {
	{ "/sys/fs/cgroup/memory", NULL },
	{ "/sys/fs/cgroup/pids", NULL },
	{ "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu" },
};

static bool is_fs(const char *path, long magic)
{
	struct statfs s;

	return statfs(path, &s) == 0 && (long)s.f_type == magic;
}

/* One name of a comma-separated list. */
static bool listed(const char *list, size_t n, const char *name)
{
	size_t len = strlen(name);
	const char *end = list + n;

	while (list < end) {
		const char *comma = memchr(list, ',', (size_t)(end - list));
		size_t one = (size_t)((comma ? comma : end) - list);

		if (one == len && memcmp(list, name, len) == 0)
			return true;
		list += one + 1;
	}
	return false;
}

const char *ward_cgroup_line(const char *text, const char *controller, size_t *ret_n)
{
	for (const char *p = text; *p;) {
		size_t line = strcspn(p, "\n");
		const char *list = memchr(p, ':', line);
		const char *path =
			list ? memchr(list + 1, ':', (size_t)(p + line - list - 1)) : NULL;

		if (path) {
			size_t n_list = (size_t)(path - list - 1);
			bool ours =
				*controller ? listed(list + 1, n_list, controller) : n_list == 0;

			*ret_n = (size_t)(p + line - path - 1);
			if (ours)
				return path + 1;
		}
		p += line + (p[line] == '\n');
	}
	return NULL;
}

bool ward_cgroup_self_path(const char *text, const char *controller, char *out, size_t size)
{
	size_t n;
	const char *path = ward_cgroup_line(text, controller, &n);

	/* "/.." = outside the cgroup namespace: not reachable by that name */
	if (!path || n == 0 || n >= size || path[0] != '/')
		return false;
	memcpy(out, path, n);
	out[n] = '\0';
	return !ward_path_has_dotdot(out);
}

bool ward_cgroup_mount(const char *text, const char *controller, char *out, size_t size)
{
	for (const char *p = text; *p;) {
		size_t line = strcspn(p, "\n");
		char row[1024], point[512], type[16], options[256];
		const char *dash;

		if (line < sizeof(row)) {
			memcpy(row, p, line);
			row[line] = '\0';
			dash = strstr(row, " - ");
			if (dash && sscanf(row, "%*d %*d %*s %*s %511s", point) == 1 &&
				sscanf(dash, " - %15s %*s %255s", type, options) == 2 &&
				strcmp(type, controller ? "cgroup" : "cgroup2") == 0 &&
				(!controller || listed(options, strlen(options), controller)) &&
				strlen(point) < size && !strchr(point, '\\')) {
				memcpy(out, point, strlen(point) + 1);
				return true;
			}
		}
		p += line + (p[line] == '\n');
	}
	return false;
}

/* The v1 hierarchy of a controller: usual places, then what mountinfo says (read at most once). */
static bool v1_mount(enum ward_cgroup_controller c, struct ward_buf *mounts, char *out, size_t size)
{
	for (size_t i = 0; i < 2 && usual[c][i]; i++) {
		if (is_fs(usual[c][i], WARD_MAGIC_CGROUP)) {
			snprintf(out, size, "%s", usual[c][i]);
			return true;
		}
	}
	if (!mounts->n)
		(void)ward_read_file("/proc/self/mountinfo", 1u << 20, mounts, NULL);
	return ward_cgroup_mount(ward_buf_cstr(mounts), controllers[c], out, size) &&
		is_fs(out, WARD_MAGIC_CGROUP);
}

/* mount + path when a directory can be made there; else the top of the mount. */
static bool v1_place(const char *mount, const char *path, char *out, size_t size)
{
	const char *tries[] = { path, "" };

	for (size_t i = 0; i < WARD_ARRAY_SIZE(tries); i++) {
		const char *rest = strcmp(tries[i], "/") == 0 ? "" : tries[i];
		int n = snprintf(out, size, "%s%s", mount, rest);

		if (n > 0 && (size_t)n < size && faccessat(AT_FDCWD, out, W_OK, AT_EACCESS) == 0)
			return true;
	}
	return false;
}

static void find_v1(const char *self, struct ward_cgroup_place *p)
{
	struct ward_buf mounts = WARD_BUF_INIT;

	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		char mount[WARD_CGROUP_PATH_MAX], path[WARD_CGROUP_PATH_MAX];

		if (!v1_mount(c, &mounts, mount, sizeof(mount)))
			continue;
		if (!ward_cgroup_self_path(self, controllers[c], path, sizeof(path)))
			path[0] = '\0';
		p->usable[c] = v1_place(mount, path, p->path[c], sizeof(p->path[c]));
		if (p->usable[c])
			p->version = 1;
	}
	ward_buf_done(&mounts);
}

static unsigned words(int dir, const char *file)
{
	char text[WARD_CGROUP_TEXT_MAX];
	unsigned bits = 0;

	if (ward_cgroup_read(dir, file, text, sizeof(text)) < 0)
		return 0;
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++)
		bits |= ward_cgroup_word(text, controllers[c]) ? 1u << c : 0;
	return bits;
}

unsigned ward_cgroup_enable(const char *dir)
{
	WARD_FD fd = ward_cgroup_open(dir, O_RDONLY);
	unsigned have, on;

	if (fd < 0)
		return 0;
	on = words(fd, "cgroup.subtree_control");
	have = words(fd, "cgroup.controllers");
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		char text[16];

		if (!(have & ~on & 1u << c))
			continue;
		snprintf(text, sizeof(text), "+%s", controllers[c]);
		if (ward_cgroup_write(fd, "cgroup.subtree_control", text) == 0)
			on |= 1u << c;
	}
	return on;
}

/* A child can be made in dir, and a process be cloned into it. */
static bool v2_writable(const char *dir)
{
	char procs[WARD_CGROUP_PATH_MAX + 16];

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", dir);
	return faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == 0 &&
		faccessat(AT_FDCWD, procs, W_OK, AT_EACCESS) == 0;
}

static bool v2_use(const char *dir, struct ward_cgroup_place *p)
{
	unsigned on = v2_writable(dir) ? ward_cgroup_enable(dir) : 0;

	if (!(on & (1u << WARD_CGROUP_MEMORY | 1u << WARD_CGROUP_PIDS)))
		return false;
	p->version = 2;
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++)
		p->usable[c] = on & 1u << c;
	snprintf(p->path[0], sizeof(p->path[0]), "%s", dir);
	return true;
}

/*
 * The directory `ward` below dir, with controllers on in both. The level between is what keeps a run's limits: a manager
 * that owns dir (systemd takes cpu from a slice when the last unit that asked for it ends) cannot turn a controller off
 * that is passed on below.
 */
static bool v2_below(const char *dir, struct ward_cgroup_place *p)
{
	char own[WARD_CGROUP_PATH_MAX];
	int n = snprintf(own, sizeof(own), "%s/ward", dir);

	return n > 0 && (size_t)n < sizeof(own) && v2_writable(dir) && ward_cgroup_enable(dir) &&
		(mkdir(own, 0755) == 0 || errno == EEXIST) && v2_use(own, p);
}

/*
 * Root: at the top. Others: a cgroup with processes cannot have children with controllers, so the caller's own is out; the
 * nearest one above that was delegated to the caller will do.
 */
static void find_v2(const char *mount, const char *self, struct ward_cgroup_place *p)
{
	char path[WARD_CGROUP_PATH_MAX], dir[WARD_CGROUP_PATH_MAX];
	char *slash;
	int n;

	if (geteuid() == 0 && v2_below(mount, p))
		return;
	if (!ward_cgroup_self_path(self, "", path, sizeof(path)))
		return;
	while ((slash = strrchr(path, '/')) && slash != path) {
		*slash = '\0';
		n = snprintf(dir, sizeof(dir), "%s%s", mount, path);
		if (n <= 0 || (size_t)n >= sizeof(dir) || v2_below(dir, p) || !v2_writable(dir))
			return;
	}
}

void ward_cgroup_find(struct ward_cgroup_place *ret)
{
	char self[WARD_CGROUP_TEXT_MAX];

	*ret = (struct ward_cgroup_place){ 0 };
	if (ward_cgroup_read(AT_FDCWD, "/proc/self/cgroup", self, sizeof(self)) < 0)
		self[0] = '\0';
	if (is_fs("/sys/fs/cgroup", WARD_MAGIC_CGROUP2))
		find_v2("/sys/fs/cgroup", self, ret);
	else
		find_v1(self, ret);
}

void ward_cgroup_guess(const struct ward_host *host, struct ward_cgroup_place *ret)
{
	const bool wanted[WARD_CGROUP_CONTROLLERS] = { host->cgroup_memory, host->cgroup_pids,
		host->cgroup_cpu };
	char self[WARD_CGROUP_TEXT_MAX], path[WARD_CGROUP_PATH_MAX];

	*ret = (struct ward_cgroup_place){ 0 };
	if (host->cgroup != 1 ||
		ward_cgroup_read(AT_FDCWD, "/proc/self/cgroup", self, sizeof(self)) < 0)
		return;
	ret->version = 1;
	for (unsigned c = 0; c < WARD_CGROUP_CONTROLLERS; c++) {
		/* The last of the usual names is the plain one, and where cpu,cpuacct is, cpu is a link to it. */
		const char *mount = usual[c][1] ? usual[c][1] : usual[c][0];
		int n;

		if (!ward_cgroup_self_path(self, controllers[c], path, sizeof(path)))
			path[0] = '\0';
		n = snprintf(ret->path[c], sizeof(ret->path[c]), "%s%s", mount,
			strcmp(path, "/") == 0 ? "" : path);
		ret->usable[c] = wanted[c] && n > 0 && (size_t)n < sizeof(ret->path[c]);
	}
}

void ward_cgroup_probe(struct ward_host *host, bool deep)
{
	struct ward_cgroup_place place;
	struct ward_limits limits = { .memory = 64u << 20, .pids = 64, .millicpus = 1000 };
	struct ward_cgroup *cg = NULL;
	char id[WARD_ULID_SIZE];

	ward_cgroup_find(&place);
	if (deep && place.version) {
		ward_ulid_now(id);
		if (ward_cgroup_create_at(&place, id, &limits, &cg, NULL) < 0)
			place = (struct ward_cgroup_place){ 0 };
		ward_cgroup_destroy(cg);
	}
	host->cgroup = place.version;
	host->cgroup_memory = place.usable[WARD_CGROUP_MEMORY];
	host->cgroup_pids = place.usable[WARD_CGROUP_PIDS];
	host->cgroup_cpu = place.usable[WARD_CGROUP_CPU];
}
