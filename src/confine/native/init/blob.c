/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch blob, mapped read-only. It comes sealed from the supervisor; a wrong magic, version or size, or an offset
 * outside of it, ends the start: a stale or foreign helper must not guess.
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const struct ward_launch *blob_map(int fd)
{
	const struct ward_launch *l;
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(*l))
		return NULL;
	l = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (l == MAP_FAILED)
		return NULL;
	if (l->magic != WARD_LAUNCH_MAGIC || l->version != WARD_LAUNCH_VERSION ||
		l->size != (uint64_t)st.st_size) {
		(void)munmap((void *)(uintptr_t)l, (size_t)st.st_size);
		errno = EPROTO;
		return NULL;
	}
	return l;
}

void blob_receive(struct init *in)
{
	memset(in->handed, -1, sizeof(in->handed));
	if (msg_recv_fds(in->ctl, WARD_MSG_BLOB, in->handed, WARD_HANDED_JOIN, NULL) !=
		WARD_HANDED_JOIN)
		fail(in->ctl, WARD_STAGE_BLOB, EPROTO, "descriptors");
	in->l = blob_map(in->handed[WARD_HANDED_BLOB]);
	if (!in->l)
		fail(in->ctl, WARD_STAGE_BLOB, errno, NULL);
}

/* v1: each controller by our own "0": an attach from outside would cost 8 ms. */
static void enter_cgroup(const struct init *in)
{
	for (uint32_t i = 0; i < in->l->n_tasks && !WARD_OFF(CGROUP); i++)
		if (write(in->handed[WARD_HANDED_CGROUP + (int)i], "0", 1) != 1)
			fail(in->ctl, WARD_STAGE_CGROUP, errno, NULL);
}

void blob_join(struct init *in)
{
	struct ward_msg m;
	size_t n = msg_recv_fds(in->ctl, WARD_MSG_JOIN, in->handed + WARD_HANDED_JOIN,
		WARD_HANDED_MAX - WARD_HANDED_JOIN, &m);

	if (n != (size_t)(WARD_HANDED_CGROUP - WARD_HANDED_JOIN) + in->l->n_tasks)
		fail(in->ctl, WARD_STAGE_CGROUP, EPROTO, "descriptors");
	memcpy(in->ns, m.ns, sizeof(in->ns));
	/* No namespace has the number 0: with it the self-test would find every one to be another. */
	for (size_t i = 0; i < WARD_LAUNCH_NS_MAX; i++)
		if ((in->l->flags & WARD_LAUNCH_USERNS) && in->ns[i] == 0)
			fail(in->ctl, WARD_STAGE_BLOB, EPROTO, "namespaces of the supervisor");
	enter_cgroup(in);
}

const void *blob_at(const struct ward_launch *l, uint32_t off)
{
	if (off < sizeof(*l) || off >= l->size)
		fail(WARD_LAUNCH_FD_CTL, WARD_STAGE_BLOB, EPROTO, "offset");
	return (const char *)l + off;
}

const char *blob_text(const struct ward_launch *l, uint32_t off)
{
	return blob_at(l, off);
}

char **blob_vector(const struct ward_launch *l, uint32_t n, uint32_t off)
{
	char **v = calloc((size_t)n + 1, sizeof(*v));
	const uint32_t *offs = n ? blob_at(l, off) : NULL;

	if (!v)
		fail(WARD_LAUNCH_FD_CTL, WARD_STAGE_BLOB, ENOMEM, "vector");
	for (uint32_t i = 0; i < n; i++)
		v[i] = (char *)(uintptr_t)blob_text(l, offs[i]);
	return v;
}
