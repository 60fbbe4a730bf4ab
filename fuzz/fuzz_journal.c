/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal of a commit as src/workspace/commit/journal.c reads it. The input's sum is made right half of the time, so that what lies behind
 * it is reached. Whatever it says: no step that was read can name anything but a path below the root, none is of a kind that there is
 * not; and what was read, written again, is the same text, or of an older version is read as the same.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "workspace/commit/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(x) \
	do { \
		if (!(x)) { \
			(void)fprintf(stderr, "fuzz_journal.c:%d: %s\n", __LINE__, #x); \
			abort(); \
		} \
	} while (0)

static char dir[] = "/tmp/ward-fuzz-journal-XXXXXX";
static int dir_fd = -1;

static void clean_up(void)
{
	(void)ward_journal_remove(dir_fd, NULL);
	rmdir(dir);
}

static void check_step(const struct ward_step *s)
{
	char path[WARD_PATH_MAX + 1];

	MUST(s->kind > WARD_STEP_NONE && s->kind <= WARD_STEP_DROP &&
		s->result <= WARD_RESULT_LEFT);
	MUST(strlen(s->path) > 0 && strlen(s->path) < WARD_PATH_MAX && s->path[0] != '/');
	MUST(!ward_path_has_dotdot(s->path));
	if (!ward_streq(s->path, ".")) {
		(void)snprintf(path, sizeof(path), "/%s", s->path);
		if (strlen(path) < WARD_PATH_MAX) {
			char normal[WARD_PATH_MAX];

			MUST(ward_path_normalize(path, normal, sizeof(normal)) == WARD_OK &&
				ward_streq(path, normal));
		}
	}
	if (s->kind == WARD_STEP_PUT || s->kind == WARD_STEP_SWAP)
		MUST(S_ISREG(s->new.mode) || S_ISLNK(s->new.mode) || S_ISDIR(s->new.mode));
	if (s->inside)
		MUST(s->kind == WARD_STEP_PUT);
	if (s->kind == WARD_STEP_TAKE || s->kind == WARD_STEP_SWAP)
		MUST(s->old.ino != 0);
}

static void check_seen(const struct ward_seen *a, const struct ward_seen *b)
{
	MUST(a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns &&
		a->mode == b->mode);
	MUST(a->owned == b->owned && (!a->owned || (a->uid == b->uid && a->gid == b->gid)));
}

/* What was read of an older version is longer when it is written; it says the same. */
static void check_again(const struct ward_journal *j, const struct ward_buf *written)
{
	struct ward_journal k = { 0 };
	struct ward_error err = WARD_ERROR_INIT;
	char *text = malloc(written->n);

	MUST(text);
	memcpy(text, written->s, written->n);
	MUST(ward_journal_parse(text, written->n, &k, &err) == WARD_OK);
	MUST(j->state == k.state && ward_streq(j->run, k.run) && j->root_ino == k.root_ino);
	MUST(j->stage_ino == k.stage_ino && j->stays == k.stays && j->n == k.n);
	MUST(j->root_born.ns == k.root_born.ns && j->root_born.handle == k.root_born.handle);
	for (size_t i = 0; i < j->n; i++) {
		const struct ward_step *a = &j->v[i], *b = &k.v[i];

		MUST(a->kind == b->kind && a->result == b->result &&
			a->attributes == b->attributes && a->inside == b->inside &&
			a->top == b->top && a->with == b->with);
		MUST(a->dir_old == b->dir_old && a->was_old == b->was_old &&
			a->old_ctime_ns == b->old_ctime_ns && a->dir_ino == b->dir_ino);
		MUST(a->layer_ino == b->layer_ino && ward_streq(a->path, b->path));
		check_seen(&a->old, &b->old);
		check_seen(&a->new, &b->new);
	}
	ward_journal_done(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ward_journal j = { 0 };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_buf again = WARD_BUF_INIT;
	char *text = malloc(size + 1), *copy = malloc(size + 1);
	int fd;

	MUST(text && copy);
	if (dir_fd < 0) {
		MUST(mkdtemp(dir) != NULL);
		dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		MUST(dir_fd >= 0);
		atexit(clean_up);
	}
	memcpy(text, data, size);
	if (size > WARD_SHA256_SIZE && data[size - 1] % 2 == 0) {
		struct ward_sha256 c;

		ward_sha256_init(&c);
		ward_sha256_update(&c, text, size - WARD_SHA256_SIZE);
		ward_sha256_final(&c, (uint8_t *)text + size - WARD_SHA256_SIZE);
	}
	memcpy(copy, text, size);
	if (ward_journal_parse(text, size, &j, &err) == WARD_OK) {
		MUST(ward_ulid_valid(j.run) && j.state > WARD_JOURNAL_NONE &&
			j.state <= WARD_JOURNAL_ABORTED);
		for (size_t i = 0; i < j.n; i++) {
			check_step(&j.v[i]);
			MUST(!j.v[i].inside ||
				(j.v[i].top < i && !j.v[j.v[i].top].inside &&
					S_ISDIR(j.v[j.v[i].top].new.mode)));
		}
		MUST(ward_journal_write(dir_fd, &j, &err) == WARD_OK);
		fd = openat(dir_fd, WARD_JOURNAL_NAME, O_RDONLY | O_CLOEXEC);
		MUST(fd >= 0 && ward_read_fd(fd, "journal", 2 * size, &again, &err) == WARD_OK);
		close(fd);
		MUST(copy[8] != WARD_JOURNAL_VERSION ||
			(again.n == size && memcmp(again.s, copy, size) == 0));
		check_again(&j, &again);
		ward_buf_done(&again);
		ward_journal_done(&j);
	} else {
		MUST(err.message[0] != '\0');
	}
	free(copy);
	return 0;
}
