/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays a corpus without libFuzzer, so that every build with any compiler runs it as an ordinary test. Each file
 * of the directories (or each file) named on the command line goes through LLVMFuzzerTestOneInput once, as one TAP
 * line; a crash, an abort or a sanitizer report ends the program before its plan is fulfilled. Refuses an empty
 * corpus: that would be a test of nothing. Input is copied to a block of exactly its size, so that ASan sees overruns.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 4096
#define FILE_BYTES_MAX (32u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *files[FILES_MAX];
static size_t n_files;

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		return -1;
	}
	if (S_ISREG(st.st_mode)) {
		if (n_files == FILES_MAX || !(files[n_files] = strdup(path))) {
			printf("Bail out! too many files at %s\n", path);
			return -1;
		}
		n_files++;
		return 0;
	}
	DIR *d = opendir(path);
	if (!d) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		return -1;
	}
	int r = 0;
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		char child[4096];
		snprintf(child, sizeof(child), "%s/%s", path, e->d_name);
		r = add(child);
	}
	closedir(d);
	return r;
}

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return -1;
	int r = -1;
	uint8_t *data = NULL;
	if (fseek(f, 0, SEEK_END) == 0) {
		long n = ftell(f);
		if (n >= 0 && (unsigned long)n <= FILE_BYTES_MAX && fseek(f, 0, SEEK_SET) == 0) {
			size_t size = (size_t)n;
			data = malloc(size ? size : 1);
			if (data && fread(data, 1, size, f) == size)
				r = LLVMFuzzerTestOneInput(data, size);
		}
	}
	free(data);
	fclose(f);
	return r;
}

int main(int argc, char **argv)
{
	printf("TAP version 13\n");
	for (int i = 1; i < argc; i++)
		if (add(argv[i]) < 0)
			return 1;
	qsort(files, n_files, sizeof(files[0]), by_name);
	printf("1..%zu\n", n_files);
	fflush(stdout);
	int failed = 0;
	for (size_t i = 0; i < n_files; i++) {
		const char *name = strrchr(files[i], '/');
		int r = replay(files[i]);
		printf("%sok %zu - %s\n", r == 0 ? "" : "not ", i + 1, name ? name + 1 : files[i]);
		fflush(stdout);
		failed |= r != 0;
		free(files[i]);
	}
	return failed || n_files == 0 ? 1 : 0;
}
