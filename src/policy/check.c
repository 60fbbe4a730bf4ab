/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a resource well formed for its type? One small function a type, found by table. What passes here means exactly
 * one thing to every later reader: no "..", no "~" that somebody else might expand, no byte that a terminal or a log
 * would act on, no "**" that looks deeper than it is. Nothing is trimmed, repaired or looked up.
 *
 * Literal paths (--read, --write) are taken as they are: any byte but NUL. Only ".." is refused there too, because
 * what it names depends on links.
 */
#include <string.h>

#include "policy/fail.h"

#define TEXT_MAX (WARD_PATH_MAX - 1)

static bool has_control(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((uint8_t)*s < 0x20 || *s == 0x7f)
			return true;
	}
	return false;
}

/* What every type but a literal path refuses. */
static int check_text(const struct ward_cap *cap, struct ward_error *err)
{
	bool file = cap->type == WARD_CAP_FILE_READ || cap->type == WARD_CAP_FILE_WRITE;
	const char *problem = NULL;

	if (has_control(cap->resource))
		problem = "holds a control character";
	else if (!ward_utf8_valid(cap->resource, strlen(cap->resource)))
		problem = "not UTF-8";
	if (problem == NULL)
		return WARD_OK;
	(void)ward_cap_fail(err, cap, "%s", problem);
	ward_fail_fix(err,
		file ? "--read PATH and --write PATH take any name as it is" : "take it out");
	return WARD_E_CAPABILITY;
}

/* ".." and "~", for everything that is a path or a pattern of paths. */
static int check_steps(const struct ward_cap *cap, struct ward_error *err)
{
	if (ward_path_has_dotdot(cap->resource)) {
		(void)ward_cap_fail(err, cap, "\"..\" is not allowed in a path");
		ward_fail_fix(err,
			cap->resource[0] == '/'
				? "write the same path without \"..\""
				: "write the absolute path, or one relative to the workspace, without \"..\"");
		return WARD_E_CAPABILITY;
	}
	if (!cap->literal && cap->resource[0] == '~') {
		(void)ward_cap_fail(err, cap, "\"~\" is not expanded");
		ward_fail_fix(err,
			"write the absolute path; a name that begins with \"~\" is ./~name");
		return WARD_E_CAPABILITY;
	}
	return WARD_OK;
}

/* "**" and "src/" followed by it name all below already. */
static bool below_all(struct ward_str s)
{
	return s.n >= 2 && memcmp(s.s + s.n - 2, "**", 2) == 0 && (s.n == 2 || s.s[s.n - 3] == '/');
}

/* Without the slashes, and dots behind a slash, at its end. */
static struct ward_str bare(const char *resource)
{
	struct ward_str dir = ward_str(resource);

	while (dir.n > 0 &&
		(dir.s[dir.n - 1] == '/' ||
			(dir.s[dir.n - 1] == '.' && dir.n > 1 && dir.s[dir.n - 2] == '/')))
		dir.n--;
	return dir;
}

bool ward_cap_is_alone(const struct ward_cap *cap)
{
	return cap->type == WARD_CAP_FILE_READ && !cap->literal &&
		ward_has_suffix(cap->resource, "/.") && bare(cap->resource).n > 0 &&
		!ward_glob_is_pattern(cap->resource);
}

/* A directory written as one: "src/", "src/.", "/". */
static int check_slash(const struct ward_cap *cap, struct ward_error *err)
{
	char word[WARD_PASTE_MAX];
	struct ward_str dir = bare(cap->resource);

	if ((!ward_has_suffix(cap->resource, "/") && !ward_has_suffix(cap->resource, "/.")) ||
		ward_cap_is_alone(cap))
		return WARD_OK;
	(void)ward_cap_fail(err, cap, "a directory is granted with everything below it");
	if (dir.n == 0) {
		ward_fail_fix(err, "grant the directories that are needed: \"/\" itself never is");
		return WARD_E_CAPABILITY;
	}
	WARD_CLEANUP(ward_buf_done) struct ward_buf fix = WARD_BUF_INIT;
	ward_buf_add(&fix, dir.s, dir.n);
	if (!below_all(dir))
		ward_buf_adds(&fix, "/**");
	ward_fail_fix(err, "write %s",
		ward_paste(word, fix.failed ? NULL : ward_buf_cstr(&fix), "DIRECTORY/**"));
	return WARD_E_CAPABILITY;
}

/* "**" is a whole component or an error: "a**b" would read as if it crossed directories. */
static int check_deep(const struct ward_cap *cap, struct ward_error *err)
{
	for (const char *s = cap->resource; *s != '\0';) {
		size_t n = strcspn(s, "/");

		if (n != 2 && memmem(s, n, "**", 2) != NULL) {
			(void)ward_cap_fail(err, cap, "\"**\" must stand alone between slashes");
			ward_fail_fix(err,
				"write \"*\" for a part of one name, or \"/**/\" for any depth");
			return WARD_E_CAPABILITY;
		}
		s += n;
		s += strspn(s, "/");
	}
	return WARD_OK;
}

static int check_file(const struct ward_cap *cap, struct ward_error *err)
{
	int r = check_steps(cap, err);

	if (r < 0 || cap->literal)
		return r;
	r = check_slash(cap, err);
	if (r < 0)
		return r;
	return check_deep(cap, err);
}

/* A bare name, an absolute path, an absolute "dir" + "/" + "**", or "*". */
static int check_command(const struct ward_cap *cap, struct ward_error *err)
{
	const char *s = cap->resource;
	size_t n = strlen(s);
	int r;

	if (cap->literal && s[0] == '/')
		return check_steps(cap, err);
	if (ward_streq(s, "*"))
		return WARD_OK;
	r = check_steps(cap, err);
	if (r < 0)
		return r;
	if (s[0] == '-' || ward_streq(s, ".") || (s[0] != '/' && strchr(s, '/') != NULL)) {
		(void)ward_cap_fail(err, cap, "neither the name of a program nor an absolute path");
		ward_fail_fix(err,
			"write a name that is on PATH, an absolute path, DIRECTORY/** or *");
		return WARD_E_CAPABILITY;
	}
	r = check_slash(cap, err);
	if (r < 0)
		return r;
	if (ward_has_suffix(s, "/**"))
		n -= 3;
	if (memchr(s, '*', n) != NULL || memchr(s, '?', n) != NULL) {
		(void)ward_cap_fail(err, cap, "a program is not granted by a pattern of its name");
		ward_fail_fix(err, "name each program, or write DIRECTORY/** or * for all");
		return WARD_E_CAPABILITY;
	}
	return WARD_OK;
}

static int check_env(const struct ward_cap *cap, struct ward_error *err)
{
	const char *s = cap->resource;
	size_t n = strcspn(s, "=");
	bool ok = n > 0 && !(s[0] >= '0' && s[0] <= '9');

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		ok = ok &&
			((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
				(c >= 'a' && c <= 'z') || c == '_');
	}
	if (ok)
		return WARD_OK;
	(void)ward_cap_fail(err, cap, "no name of a variable");
	ward_fail_fix(err,
		"write NAME or NAME=VALUE; a name is letters, digits and \"_\", no digit first");
	return WARD_E_CAPABILITY;
}

static int check_token(const struct ward_cap *cap, struct ward_error *err)
{
	if (strchr(cap->resource, ' ') == NULL)
		return WARD_OK;
	(void)ward_cap_fail(err, cap, "holds a blank");
	ward_fail_fix(err, "write one name without blanks");
	return WARD_E_CAPABILITY;
}

/* By type: the check, an example for an empty resource, what to do while nothing holds it. */
static const struct {
	int (*check)(const struct ward_cap *cap, struct ward_error *err);
	const char *example, *instead;
} kinds[WARD_CAP_TYPE_MAX] = {
	[WARD_CAP_FILE_READ] = { check_file, "src/**", "" },
	[WARD_CAP_FILE_WRITE] = { check_file, "build/**", "" },
	[WARD_CAP_EXTERNAL_COMMAND] = { check_command, "git", "" },
	[WARD_CAP_ENV] = { check_env, "LANG", "" },
	[WARD_CAP_NETWORK_CONNECT] = { ward_cap_check_endpoint, "api.example.com:443", "" },
	[WARD_CAP_NETWORK_LISTEN] = { ward_cap_check_endpoint, "127.0.0.1:8080", "" },
	[WARD_CAP_SECRET_ACCESS] = { check_token, "github-token",
		"take it out; grant the file that holds it with FILE_READ if the command may see it" },
	[WARD_CAP_DATABASE_READ] = { check_token, "orders",
		"take it out; grant the files of a local database with FILE_READ" },
	[WARD_CAP_DATABASE_WRITE] = { check_token, "orders",
		"take it out; grant the files of a local database with FILE_WRITE" },
	[WARD_CAP_REGISTRY_READ] = { check_token, "components",
		"take it out; grant the files it needs with FILE_READ" },
	[WARD_CAP_REGISTRY_WRITE] = { check_token, "components",
		"take it out; grant the files it needs with FILE_WRITE" },
	[WARD_CAP_ARTIFACT_READ] = { check_token, "report",
		"take it out; grant the files it needs with FILE_READ" },
	[WARD_CAP_ARTIFACT_WRITE] = { check_token, "report",
		"take it out; grant the files it needs with FILE_WRITE" },
};

static int check_length(const struct ward_cap *cap, struct ward_error *err)
{
	size_t n = strlen(cap->resource);
	/* The value of a variable may be long; the kernel's own bound comes later. */
	size_t max = cap->type == WARD_CAP_ENV ? WARD_ARGV_BYTES_MAX : TEXT_MAX;

	if (n == 0) {
		(void)ward_cap_fail(err, cap, "the resource is empty");
		ward_fail_fix(err, "name what is granted, for example %s:%s",
			ward_cap_type_name(cap->type), kinds[cap->type].example);
		return WARD_E_CAPABILITY;
	}
	if (n > max) {
		(void)ward_cap_fail(err, cap, "longer than %zu bytes", max);
		ward_fail_fix(err, "grant a directory above it: DIRECTORY/**");
		return WARD_E_CAPABILITY;
	}
	return WARD_OK;
}

int ward_cap_check_form(const struct ward_cap *cap, struct ward_error *err)
{
	int r;

	if (cap == NULL || cap->resource == NULL || (unsigned)cap->type >= WARD_CAP_TYPE_MAX ||
		kinds[cap->type].check == NULL) {
		r = ward_fail(err, WARD_E_INVALID, "a capability without type or resource");
		ward_fail_class(err, WARD_CLASS_CAPABILITY, WARD_VIOLATION_NONE);
		return r;
	}
	r = check_length(cap, err);
	if (r < 0)
		return r;
	if (!cap->literal && cap->type != WARD_CAP_ENV) {
		r = check_text(cap, err);
		if (r < 0)
			return r;
	}
	return kinds[cap->type].check(cap, err);
}

int ward_cap_check(const struct ward_cap *cap, struct ward_error *err)
{
	int r = ward_cap_check_form(cap, err);

	if (r < 0)
		return r;
	if (!ward_cap_type_held(cap->type)) {
		char shown[WARD_CAP_SHOWN_MAX];

		ward_cap_shown(ward_str(cap->resource), shown);
		r = ward_fail(err, WARD_E_REFUSED, "%s: not held by this backend (%s)",
			ward_cap_type_name(cap->type), shown);
		ward_cap_fail_at(err, &cap->origin);
		ward_fail_fix(err, "%s", kinds[cap->type].instead);
		return r;
	}
	return WARD_OK;
}
