/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that embeds the library and is called by a link in the project, as the Python of a virtual environment is: the link may be
 * written by its runs, and is not the program. The program itself no run writes, whoever it is.
 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "ward/ward.h"

extern char **environ;
static char self[4096];

/* -> as an exit code: the command's, or 125 with why on stderr. */
static int embedded(const char *grant, char *const *command)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_request *r = ward_request_new(WARD_COMMAND_RUN);
	struct ward_outcome *out = NULL;
	char *argv[] = { command[0], command[1], NULL };
	int k = ward_request_set(r, "audit", "/dev/null", &err), code = 125;

	if (k == WARD_OK)
		k = ward_request_set(r, "write", grant, &err);
	if (k == WARD_OK)
		k = ward_request_command(r, 2, argv, &err);
	if (k == WARD_OK)
		k = ward_run(r, &out, &err);
	if (out)
		code = ward_outcome_exit_code(out);
	if (k < 0)
		fprintf(stderr, "%s\n", err.message);
	ward_outcome_free(out);
	ward_request_free(r);
	return code;
}

static int called_by(char *name, char *grant, char *command, char *file)
{
	char *argv[] = { name, (char[]){ "--embedded" }, grant, command, file, NULL };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execve(name, argv, environ);
		_exit(99);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
									       : -1;
}

TEST(by_a_link_in_the_project)
{
	char place[] = "/tmp/ward-embed-XXXXXX", python[64], file[64];

	REQUIRE(mkdtemp(place));
	REQUIRE(chdir(place) == 0);
	REQUIRE(mkdir(".venv", 0755) == 0 && mkdir(".venv/bin", 0755) == 0);
	snprintf(python, sizeof(python), "%s/.venv/bin/python", place);
	snprintf(file, sizeof(file), "%s/made", place);
	REQUIRE(symlink(self, python) == 0);
	CHECK_EQ_INT(called_by(python, place, (char[]){ "touch" }, file), 0);
	CHECK(access(file, F_OK) == 0);
	/* And by a relative name, through a link to the environment. */
	REQUIRE(unlink(file) == 0);
	REQUIRE(rename(".venv", "envs") == 0 && symlink("envs", ".venv") == 0);
	CHECK_EQ_INT(called_by((char[]){ ".venv/bin/python" }, place, (char[]){ "touch" }, file),
		0);
	CHECK(access(file, F_OK) == 0);
	CHECK(unlink(file) == 0 && unlink("envs/bin/python") == 0 && rmdir("envs/bin") == 0 &&
		rmdir("envs") == 0 && unlink(".venv") == 0);
	CHECK(chdir("/") == 0 && rmdir(place) == 0);
}

TEST(the_program_itself_stays)
{
	char place[] = "/tmp/ward-embed-XXXXXX", own[64];
	FILE *f, *to;
	int c;

	REQUIRE(mkdtemp(place));
	REQUIRE(chdir(place) == 0);
	snprintf(own, sizeof(own), "%s/own", place);
	f = fopen(self, "r");
	to = fopen(own, "w");
	REQUIRE(f && to);
	while ((c = getc(f)) != EOF)
		putc(c, to);
	REQUIRE(fclose(to) == 0 && fclose(f) == 0 && chmod(own, 0755) == 0);
	/* Nobody writes what is executed; removed it could be, and replaced. */
	CHECK_EQ_INT(called_by(own, place, (char[]){ "rm" }, own), 1);
	CHECK(unlink(own) == 0 && chdir("/") == 0 && rmdir(place) == 0);
}

int main(int argc, char **argv)
{
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc == 5 && strcmp(argv[1], "--embedded") == 0)
		return embedded(argv[2], argv + 3);
	if (n <= 0)
		return 1;
	return tap_main(argc, argv);
}
