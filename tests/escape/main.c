/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program for all attempts: escape-attempts NAME [KEY=VALUE...]. It looks for the attempt that the linker collected
 * under that name, or that is a row of doors.h, and ends with its result. It does nothing of its own that could be refused.
 */
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "int80.h"

extern const struct attempt __start_attempts[], __stop_attempts[];
static char **words;

/* What the rows point at. */
static char doors_zeros[4096] __attribute__((aligned(64)));
static const uint64_t doors_into_cgroup[11] = { 0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 1 << 20 };

enum door_kind { DOOR_CALL, DOOR_CALL32, DOOR_SOCKET, DOOR_FILE, DOOR_DEVICE };

struct door {
	const char *name;
	enum door_kind kind;
	long number;
	long arg[6];
};

#define CALL(name, who, about, ...) { #name, DOOR_CALL, DOOR_ARGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0) },
#define CALL32(name, who, about, ...) \
	{ #name, DOOR_CALL32, DOOR_ARGS(__VA_ARGS__, 0, 0, 0, 0, 0, 0) },
#define SOCKET(name, who, about, ...) { #name, DOOR_SOCKET, 0, { __VA_ARGS__ } },
#define FILE_OPEN(name, who, about, path, how) { #name, DOOR_FILE, 0, { TEXT(path), how } },
#define DEVICE(name, who, about, major, minor) { #name, DOOR_DEVICE, 0, { major, minor } },
#define DOOR_ARGS(nr, a, b, c, d, e, f, ...) \
	(nr), \
	{ \
		(a), (b), (c), (d), (e), (f) \
	}
static const struct door doors[] = {
#include "doors.h"
};

const char *arg(const char *key)
{
	size_t n = strlen(key);

	for (char **w = words; *w; w++)
		if (strncmp(*w, key, n) == 0 && (*w)[n] == '=')
			return *w + n + 1;
	fprintf(stderr, "no argument %s\n", key);
	exit(IMPOSSIBLE);
}

int number(const char *key)
{
	return atoi(arg(key));
}

/* Who refuses says one of three words; every other answer comes from behind the door. */
static int answer(const char *name, long r)
{
	if (r < 0 && errno == ENOSYS) {
		(void)refused(name);
		return IMPOSSIBLE;
	}
	if (r < 0 && (errno == EPERM || errno == EACCES))
		return refused(name);
	printf("answered: %s\n", r < 0 ? strerror(errno) : "yes");
	fflush(stdout);
	return ESCAPED;
}

static int hold_device(const struct door *d)
{
	if (mknod("device", S_IFCHR | 0600, makedev((unsigned)d->arg[0], (unsigned)d->arg[1])) < 0)
		return refused("mknod");
	return hold(open("device", O_RDONLY | O_NOCTTY));
}

static int go_through(const struct door *d)
{
	const long *a = d->arg;
	int fd;

	switch (d->kind) {
	case DOOR_CALL:
		return answer(d->name, syscall(d->number, a[0], a[1], a[2], a[3], a[4], a[5]));
	case DOOR_CALL32: return answer(d->name, int80(d->number, a[0], a[1], a[2]));
	case DOOR_SOCKET:
		fd = socket((int)a[0], (int)a[1], (int)a[2]);
		return fd < 0 ? refused(d->name) : hold(fd);
	case DOOR_FILE: return hold(open((const char *)a[0], (int)a[1]));
	case DOOR_DEVICE: return hold_device(d);
	}
	return IMPOSSIBLE;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		for (const struct attempt *a = __start_attempts; a < __stop_attempts; a++)
			printf("%s\n", a->name);
		return 0;
	}
	words = argv + 2;
	for (const struct attempt *a = __start_attempts; a < __stop_attempts; a++)
		if (strcmp(a->name, argv[1]) == 0)
			return a->run();
	for (size_t i = 0; i < sizeof(doors) / sizeof(*doors); i++)
		if (strcmp(doors[i].name, argv[1]) == 0)
			return go_through(&doors[i]);
	fprintf(stderr, "no attempt %s\n", argv[1]);
	return IMPOSSIBLE;
}
