/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program for all attempts: escape-attempts NAME [KEY=VALUE...]. It looks for the attempt that the linker collected
 * under that name and ends with its result. It does nothing of its own that could be refused.
 */
#include "attempt.h"

extern const struct attempt __start_attempts[], __stop_attempts[];
static char **words;

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
	fprintf(stderr, "no attempt %s\n", argv[1]);
	return IMPOSSIBLE;
}
