/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing the list of trusted repositories: read, changed and replaced under a lock of its own file, since the list itself
 * is another file after each change. Waiting is bounded. Who reads needs no lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "registry/layers.h"

#define LOCK_SUFFIX ".lock"
#define WAIT_NS 10000000000ull
#define NAP_NS 2000000L

static int fail_lock(const char *path, int sys, struct ward_error *err)
{
	int r;

	if (sys != ETIMEDOUT)
		return ward_fail_errno(err, WARD_E_SYSTEM, sys, "cannot lock '%s'", path);
	r = ward_fail(err, WARD_E_SYSTEM, "another process has held '%s' for 10 s", path);
	ward_fail_fix(err, "see who has it open: fuser -v FILE");
	return r;
}

/* The lock goes with the descriptor. */
static int lock(int dirfd, const char *name, int *ret_fd)
{
	WARD_FD fd = openat(dirfd, name,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	uint64_t begin = ward_now_mono_ns();

	if (fd < 0)
		return -errno;
	for (;;) {
		const struct timespec nap = { .tv_nsec = NAP_NS };
		struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(fd, F_OFD_SETLK, &l) == 0)
			break;
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return -errno;
		if (ward_now_mono_ns() - begin > WAIT_NS)
			return -ETIMEDOUT;
		(void)nanosleep(&nap, NULL);
	}
	*ret_fd = ward_take_fd(&fd);
	return 0;
}

static void put_pin(struct ward_buf *b, const struct ward_pin *pin)
{
	/* Each on a line of its own. */
	ward_buf_adds(b, b->n > 0 && b->s[b->n - 1] == '}' ? ",\n" : "\n");
	ward_jw_open(b, '{');
	ward_jw_kstr(b, "directory", pin->directory);
	ward_jw_kstr(b, "sha256", pin->sha256);
	ward_jw_key(b, "files");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < pin->n_files; i++) {
		ward_jw_open(b, '{');
		ward_jw_kstr(b, "name", pin->files[i].name);
		ward_jw_kstr(b, "sha256", pin->files[i].sha256);
		ward_jw_close(b, '}');
	}
	ward_jw_close(b, ']');
	ward_jw_kstr(b, "time", pin->time);
	ward_jw_ku64(b, "uid", pin->uid);
	ward_jw_close(b, '}');
}

/* All pins but the one for pin->directory; then pin, if it has a hash. */
static void put_all(struct ward_buf *b, const struct ward_pins *pins, const struct ward_pin *pin)
{
	ward_jw_open(b, '{');
	ward_jw_ki64(b, "v", 1);
	ward_jw_key(b, "pins");
	ward_jw_open(b, '[');
	for (size_t i = 0; i < pins->n; i++)
		if (!ward_streq(pins->v[i].directory, pin->directory))
			put_pin(b, &pins->v[i]);
	if (pin->sha256)
		put_pin(b, pin);
	ward_jw_close(b, ']');
	ward_jw_close(b, '}');
	ward_buf_addc(b, '\n');
}

static int write_locked(struct ward_arena *a, const struct ward_layers_where *where,
	const char *path, const struct ward_pin *pin, bool *ret_was, struct ward_error *err)
{
	WARD_CLEANUP(ward_buf_done) struct ward_buf b = WARD_BUF_INIT;
	struct ward_pins pins;
	int r = ward_pins_read(a, where, &pins, err);
	bool was = r >= 0 && ward_pins_find(&pins, pin->directory);

	if (r < 0)
		return r;
	if (!was && !pin->sha256) {
		*ret_was = false;
		return WARD_OK;
	}
	put_all(&b, &pins, pin);
	if (b.failed)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	/* Taking out is always possible. */
	if (pin->sha256 &&
		(b.n > WARD_TRUST_BYTES_MAX || (!was && pins.n >= WARD_TRUST_PINS_MAX))) {
		ward_fail(err, WARD_E_LIMIT, "too many repositories are trusted");
		ward_fail_at(err, path, 0, 0);
		ward_fail_fix(err, "forget some of them: ward trust --revoke DIR");
		return WARD_E_LIMIT;
	}
	r = ward_replace_file(path, b.s, b.n, 0600, err);
	if (r >= 0)
		*ret_was = was;
	return r;
}

int ward_pins_write(struct ward_arena *a, const struct ward_layers_where *where,
	const struct ward_pin *pin, bool *ret_was, struct ward_error *err)
{
	const char *name = ward_path_basename(where->trust);
	const char *lock_name = ward_arena_printf(a, "%s" LOCK_SUFFIX, name);
	char real[WARD_PATH_MAX];
	const char *path;
	int opened = -1, locked = -1;
	int r = ward_pins_dir(where, true, real, &opened, err);
	WARD_FD dirfd = opened;

	if (r < 0)
		return r;
	path = ward_arena_printf(a, "%s/%s", real, name);
	if (!lock_name || !path)
		return ward_fail(err, WARD_E_NOMEM, "out of memory");
	if (pin->sha256 && ward_pins_inside(real, pin->directory)) {
		ward_fail(err, WARD_E_REFUSED,
			"'%s' cannot be trusted: the list of trusted repositories lies in it",
			pin->directory);
		ward_fail_fix(err, "set XDG_STATE_HOME to a directory outside of it");
		return WARD_E_REFUSED;
	}
	r = lock(dirfd, lock_name, &locked);
	WARD_FD __attribute__((unused)) held = locked; /* to the end */
	if (r < 0)
		return fail_lock(path, -r, err);
	return write_locked(a, where, path, pin, ret_was, err);
}
