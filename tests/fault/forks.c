/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forks N: N short double forks, each of which leaves an orphan to whoever is pid 1; then waits until there is no zombie, and says
 * how many there still are.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int is_zombie(const char *pid)
{
	char path[280], text[512];
	const char *end;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'Z';
}

static long zombies(void)
{
	DIR *d = opendir("/proc");
	const struct dirent *e;
	long n = 0;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		n += isdigit((unsigned char)e->d_name[0]) && is_zombie(e->d_name);
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	long want = argc > 1 ? strtol(argv[1], NULL, 10) : 0, failed = 0, left = -1;

	/* Who measures ward starts here: before, it opens what a run needs. */
	printf("begun\n");
	(void)fflush(stdout);
	for (long i = 0; i < want; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			(void)!fork();
			_exit(0);
		}
		if (pid < 0)
			failed++;
		else
			(void)waitpid(pid, NULL, 0);
	}
	for (int i = 0; i < 1000 && left; i++) {
		const struct timespec nap = { .tv_nsec = 10000000 };

		left = zombies();
		if (left)
			(void)nanosleep(&nap, NULL);
	}
	printf("failed %ld zombies %ld\n", failed, left);
	return 0;
}
