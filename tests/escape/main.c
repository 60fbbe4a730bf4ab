/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program for all attempts: escape-attempts NAME [KEY=VALUE...]. It looks for the attempt that the linker collected
 * under that name, or that is a row of doors.h, and ends with its result. It does nothing of its own that could be refused.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "int80.h"

extern const struct attempt __start_attempts[], __stop_attempts[];
static char **words;

/* What the rows point at. */
static char doors_zeros[4096] __attribute__((aligned(64)));
static const uint64_t doors_into_cgroup[11] = { 0x200000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 1 << 20 };

enum door_kind { DOOR_CALL, DOOR_CALL32, DOOR_SOCKET, DOOR_FILE, DOOR_DEVICE, DOOR_RECORDED };

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
#define RECORDED(name, who, about, evil, how) { #name, DOOR_RECORDED, 0, { how } },
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

static size_t unhex(const char *hex, char *to, size_t max)
{
	size_t n = 0;

	for (unsigned byte; n < max - 1 && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
		to[n] = (char)byte;
	to[n] = '\0';
	return n;
}

/* Have it refused by that name, and say for the naive recorder what the name was. */
static int be_recorded(char how)
{
	struct sockaddr_un u = { .sun_family = AF_UNIX };
	char path[4096];

	unhex(arg("evil"), path, sizeof(path));
	printf("tries: %s\n", arg("evil"));
	fflush(stdout);
	if (how == 'w')
		return spoil(open(path, O_WRONLY));
	if (how == 'p') {
		(void)prctl(PR_SET_NAME, strrchr(path, '/') + 1);
		return syscall(SYS_keyctl, 0, -4, 0) < 0 ? refused("keyctl") : ESCAPED;
	}
	if (strlen(path) >= sizeof(u.sun_path))
		return IMPOSSIBLE;
	memcpy(u.sun_path, path, strlen(path) + 1);
	if (connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&u, sizeof(u)) < 0)
		return refused("connect");
	return ESCAPED;
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
	case DOOR_RECORDED: return be_recorded((char)a[0]);
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
