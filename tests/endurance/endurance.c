/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many runs in one process of libward, one after the other and then many at once, and what has grown by the end of it:
 * descriptors, threads, children, memory, mounts, cgroups and, as root, network namespaces of the host.
 *
 *     endurance DIR [SEQUENTIAL [THREADS RUNS]]        default: 10000, 64 200
 *
 * What others do meanwhile is not looked at, where that can be told apart: mounts are those of a namespace of its own (as root), cgroups
 * those of runs that its log has, and memory is what is in use, not what the heap keeps for later.
 *
 * A line a sample; the last line says whether it is flat. DIR is made, used and left: it holds the log.
 * Exit: 0 flat, 1 something grew or a run failed, 2 wrong use.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ward/ward.h"

#define SAMPLES 20
#define MEMORY_SLACK_KB 2048 /* the heap's own unevenness */
/*
 * Others on this host make some too; and the kernel counts what a processor holds back of its caches, seven to a slab, as in use: with one
 * namespace alive 28 to 49 were seen. One that each run leaves is 200 in the shortest test. They cannot be told from others', so that
 * beside busy ones a long test has more room, by one in a hundred runs.
 */
#define NAMESPACES_SLACK(runs) (32 + (long)(runs) / 100)
#define CGROUP_PREFIX "ward-" /* and the run's id */
#define NAMESPACES_PATIENCE_S 20 /* the kernel frees them later, in batches */

struct sample {
	long fds, threads, memory_kb, mounts, cgroups, namespaces;
};

static char audit[512];
static atomic_uint failed;
static atomic_flag said = ATOMIC_FLAG_INIT;

static long entries(const char *dir)
{
	DIR *d = opendir(dir);
	long n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* Lines of a file that begin with, or (whole) hold, a word; the number behind it if there is one to be read. */
static long lines(const char *path, const char *word, bool value)
{
	FILE *f = fopen(path, "re");
	char line[4096];
	long n = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (word && strncmp(line, word, strlen(word)) != 0)
			continue;
		n = value ? strtol(line + strlen(word), NULL, 10) : n + 1;
	}
	if (f)
		fclose(f);
	return n;
}

/* ---- directories of runs below /sys/fs/cgroup, if the log has them ---- */
static long found;
static const char *known;
static size_t known_size;

static int is_ours(const char *path, const struct stat *st, int type, struct FTW *at)
{
	const char *name = path + at->base;

	(void)st;
	if (type == FTW_D && strncmp(name, CGROUP_PREFIX, strlen(CGROUP_PREFIX)) == 0) {
		name += strlen(CGROUP_PREFIX);
		if (*name && memmem(known, known_size, name, strlen(name)))
			found++;
	}
	return 0;
}

static long cgroups(void)
{
	int fd = open(audit, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *map;

	if (fd < 0)
		return 0; /* no run yet */
	if (fstat(fd, &st) < 0 || st.st_size == 0 ||
		(map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) ==
			MAP_FAILED) {
		perror("endurance: the log");
		exit(1);
	}
	close(fd);
	found = 0;
	known = map;
	known_size = (size_t)st.st_size;
	/* One that goes while it is looked at is no error of ours. */
	(void)nftw("/sys/fs/cgroup", is_ours, 16, FTW_PHYS);
	munmap(map, known_size);
	return found;
}

static struct sample look(void)
{
	long left = cgroups();

	malloc_trim(0);
	return (struct sample){
		.fds = entries("/proc/self/fd"),
		.threads = entries("/proc/self/task"),
		.memory_kb = lines("/proc/self/smaps_rollup", "Pss:", true),
		.mounts = lines("/proc/self/mountinfo", NULL, false),
		.cgroups = left,
		.namespaces = lines("/proc/slabinfo", "net_namespace ", true),
	};
}

static void show(const char *phase, unsigned runs, const struct sample *s)
{
	printf("%-12s %7u runs: %ld descriptors, %ld threads, %ld KiB, %ld mounts, %ld cgroups, %ld net namespaces\n",
		phase, runs, s->fds, s->threads, s->memory_kb, s->mounts, s->cgroups,
		s->namespaces);
	fflush(stdout);
}

static void one(void)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_outcome *out = NULL;
	char *argv[] = { (char[]){ "/usr/bin/true" }, NULL };
	char text[512];
	int k = ward_request_set(r, "audit", audit, &err);

	if (k == WARD_OK)
		k = ward_request_set(r, "json", NULL, &err);
	if (k == WARD_OK)
		k = ward_request_set(r, "stdin", "null", &err);
	if (k == WARD_OK)
		k = ward_request_command(r, 1, argv, &err);
	if (k == WARD_OK)
		k = ward_run(r, &out, &err);
	if (k != WARD_OK || ward_outcome_exit_code(out) != 0) {
		atomic_fetch_add(&failed, 1);
		if (!atomic_flag_test_and_set(&said)) {
			ward_error_format(&err, text, sizeof(text));
			fprintf(stderr, "endurance: %s\n", text);
		}
	}
	ward_outcome_free(out);
	ward_request_free(r);
}

static void *many(void *arg)
{
	for (unsigned i = 0; i < *(unsigned *)arg; i++)
		one();
	return NULL;
}

static void at_once(unsigned threads, unsigned runs)
{
	pthread_t *ids = calloc(threads ? threads : 1, sizeof(*ids));
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	for (unsigned i = 0; ids && i < threads; i++)
		if (pthread_create(&ids[i], &attr, many, &runs) != 0) {
			perror("endurance: pthread_create");
			exit(1);
		}
	for (unsigned i = 0; ids && i < threads; i++)
		pthread_join(ids[i], NULL);
	pthread_attr_destroy(&attr);
	free(ids);
}

/* What is freed later gets its time; what stays has grown. */
static struct sample settled(const struct sample *before, unsigned runs)
{
	struct sample s = look();

	for (int i = 0; i < NAMESPACES_PATIENCE_S * 10 &&
		(s.namespaces > before->namespaces + NAMESPACES_SLACK(runs) ||
			s.cgroups > before->cgroups);
		i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
		s = look();
	}
	return s;
}

static bool flat(const char *phase, unsigned runs, const struct sample *a, const struct sample *b)
{
	const struct {
		const char *what;
		long before, after, slack;
	} rows[] = {
		{ "descriptors", a->fds, b->fds, 0 },
		{ "threads", a->threads, b->threads, 0 },
		{ "KiB of memory", a->memory_kb, b->memory_kb, MEMORY_SLACK_KB },
		{ "mounts", a->mounts, b->mounts, 0 },
		{ "cgroups", a->cgroups, b->cgroups, 0 },
		{ "net namespaces", a->namespaces, b->namespaces, NAMESPACES_SLACK(runs) },
	};
	bool ok = true;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].after > rows[i].before + rows[i].slack) {
			printf("%s: %ld %s more than before\n", phase,
				rows[i].after - rows[i].before, rows[i].what);
			ok = false;
		}
	return ok;
}

static bool sequential(unsigned runs)
{
	struct sample before, after;
	unsigned warm = runs / SAMPLES;

	for (unsigned i = 0; i < warm; i++)
		one();
	before = look();
	show("one by one", warm, &before);
	for (unsigned i = warm + 1; i <= runs; i++) {
		one();
		if (warm && i % warm == 0) {
			after = look();
			show("one by one", i, &after);
		}
	}
	after = settled(&before, runs);
	show("settled", runs, &after);
	return flat("one by one", runs, &before, &after);
}

static bool parallel(unsigned threads, unsigned runs)
{
	struct sample before, after;

	at_once(threads, 2);
	before = look();
	before = settled(&before, threads * runs);
	show("at once", threads * 2, &before);
	at_once(threads, runs);
	after = settled(&before, threads * runs);
	show("at once", threads * runs, &after);
	return flat("at once", threads * runs, &before, &after);
}

static bool number(const char *s, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (*s < '0' || *s > '9' || *end || n > 10000000)
		return false;
	*ret = (unsigned)n;
	return true;
}

int main(int argc, char **argv)
{
	unsigned runs = 10000, threads = 64, each = 200;
	struct rlimit rl;
	bool ok;

	if ((argc != 2 && argc != 3 && argc != 5) || (argc > 2 && !number(argv[2], &runs)) ||
		(argc > 3 && (!number(argv[3], &threads) || !number(argv[4], &each)))) {
		fprintf(stderr, "usage: endurance DIR [SEQUENTIAL [THREADS RUNS]]\n");
		return 2;
	}
	if ((mkdir(argv[1], 0700) && errno != EEXIST) || chdir(argv[1]) ||
		(mkdir("ws", 0700) && errno != EEXIST) || chdir("ws")) {
		perror(argv[1]);
		return 2;
	}
	if (snprintf(audit, sizeof(audit), "../audit.jsonl") >= (int)sizeof(audit))
		return 2;
	if (geteuid() == 0 &&
		(unshare(CLONE_NEWNS) < 0 ||
			mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)) {
		perror("endurance: a mount namespace");
		return 2;
	}
	/* 64 runs hold more than 1024 descriptors together. */
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < 8192) {
		rl.rlim_cur = rl.rlim_max < 8192 ? rl.rlim_max : 8192;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	ok = sequential(runs);
	ok = parallel(threads, each) && ok;
	if (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD) {
		printf("a child is left\n");
		ok = false;
	}
	printf("endurance: %u failed; %s\n", atomic_load(&failed), ok ? "flat" : "NOT FLAT");
	return ok && atomic_load(&failed) == 0 ? 0 : 1;
}
