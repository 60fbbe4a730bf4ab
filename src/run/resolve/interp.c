/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bytes of a program: a "#!" line, or the loader that an ELF header names. Whoever wrote the file chose
 * every byte, so the parser is bounded, pure and strict: a line over 256 bytes, a relative interpreter or more words
 * than the kernel would pass on are refused, not guessed at.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/resolve/resolve.h"

#define PROGRAM_HEADERS_MAX 64 /* that are looked at */

static int bad_line(struct ward_error *err, const char *why)
{
	ward_fail(err, WARD_E_PARSE, "its #! line %s", why);
	ward_fail_fix(err, "as in #!/usr/bin/python3, or #!/usr/bin/env python3");
	return WARD_E_PARSE;
}

/* The next word of s, cut out in place; NULL at the end. */
static char *word(char **s)
{
	char *w = *s + strspn(*s, " \t\r");

	if (!*w)
		return NULL;
	*s = w + strcspn(w, " \t\r");
	if (**s)
		*(*s)++ = '\0';
	return w;
}

static int parse_script(struct ward_head *h, struct ward_error *err)
{
	char line[WARD_HEAD_MAX + 1];
	const char *eol = memchr(h->bytes, '\n', h->n);
	size_t n = eol ? (size_t)(eol - h->bytes) : h->n;
	char *s = line, *first, *second, *more;
	bool cr;

	if (!eol && h->n >= WARD_HEAD_MAX)
		return bad_line(err, "is over 256 bytes");
	memcpy(line, h->bytes + 2, n - 2);
	line[n - 2] = '\0';
	if (strlen(line) != n - 2)
		return bad_line(err, "holds a NUL byte");
	cr = n > 2 && line[n - 3] == '\r';
	first = word(&s);
	if (!first)
		return bad_line(err, "names no interpreter");
	if (first[0] != '/')
		return bad_line(err, "names a relative interpreter");
	second = word(&s);
	if (ward_streq(ward_path_basename(first), "env")) {
		if (ward_streq(second, "-S"))
			second = word(&s);
		if (!second || second[0] == '-' || strchr(second, '=') || strchr(second, '/'))
			return bad_line(err, "names no program behind env");
		h->env = true;
		first = second;
		second = word(&s);
	}
	more = word(&s);
	if (more)
		return bad_line(err, "has more than one argument");
	memcpy(h->interp, first, strlen(first) + 1);
	memcpy(h->arg, second ? second : "", second ? strlen(second) + 1 : 1);
	/* At the end of an argument it is the interpreter's matter: perl takes it. */
	h->cr = cr && !second;
	h->script = true;
	return WARD_OK;
}

static bool is_loader(struct ward_head *h, const Elf64_Phdr *p)
{
	if (p->p_type != PT_INTERP)
		return false;
	h->loader_at = p->p_offset;
	h->loader_n = p->p_filesz;
	return true;
}

/* Where it stands in the bytes at hand: in what linkers write it does, among the first program headers, right behind the header. */
static void parse_elf(struct ward_head *h)
{
	Elf64_Ehdr e;
	Elf64_Phdr p;

	if (h->n < sizeof(e) || h->bytes[EI_CLASS] != ELFCLASS64)
		return;
	memcpy(&e, h->bytes, sizeof(e));
	for (size_t i = 0; i < e.e_phnum && e.e_phentsize == sizeof(p); i++) {
		uint64_t at = e.e_phoff + i * sizeof(p);

		if (e.e_phoff > h->n || at + sizeof(p) > h->n)
			return;
		memcpy(&p, h->bytes + at, sizeof(p));
		if (is_loader(h, &p))
			return;
	}
}

/* patchelf, by which Nix and others give a program another loader, puts its header behind the others, or all of them elsewhere. */
static void read_elf(int fd, struct ward_head *h)
{
	Elf64_Phdr p[PROGRAM_HEADERS_MAX];
	Elf64_Ehdr e;
	size_t n;
	ssize_t got;

	if (!h->elf || h->loader_n > 0 || h->n < sizeof(e) || h->bytes[EI_CLASS] != ELFCLASS64)
		return;
	memcpy(&e, h->bytes, sizeof(e));
	if (e.e_phentsize != sizeof(p[0]) || e.e_phoff > INT64_MAX)
		return;
	n = e.e_phnum < WARD_ARRAY_SIZE(p) ? e.e_phnum : WARD_ARRAY_SIZE(p);
	got = pread(fd, p, n * sizeof(p[0]), (off_t)e.e_phoff);
	for (size_t i = 0; got > 0 && i < (size_t)got / sizeof(p[0]); i++) {
		if (is_loader(h, &p[i]))
			return;
	}
}

int ward_head_parse(struct ward_head *h, struct ward_error *err)
{
	h->elf = h->script = h->env = false;
	h->interp[0] = h->arg[0] = h->loader[0] = '\0';
	h->loader_at = h->loader_n = 0;
	if (h->n >= 2 && memcmp(h->bytes, "#!", 2) == 0)
		return parse_script(h, err);
	if (h->n >= SELFMAG && memcmp(h->bytes, ELFMAG, SELFMAG) == 0) {
		h->elf = true;
		parse_elf(h);
	}
	return WARD_OK;
}

int ward_head_read(const char *path, struct ward_head *ret, struct ward_error *err)
{
	WARD_FD fd = ward_openat2(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
		WARD_OPEN_NO_SYMLINKS | WARD_OPEN_NO_MAGICLINKS);
	ssize_t n = fd < 0 ? -1 : pread(fd, ret->bytes, WARD_HEAD_MAX, 0);
	int r;

	if (fd < 0 || n < 0) {
		int e = fd < 0 ? -fd : errno;

		/* A program that may be run but not read: what it is, is then for the kernel to find out. */
		memset(ret, 0, sizeof(*ret));
		return e == EACCES
			? WARD_OK
			: ward_fail_errno(err, WARD_E_SPAWN, e, "'%s' cannot be read", path);
	}
	ret->n = (size_t)n;
	ret->bytes[n] = '\0';
	r = ward_head_parse(ret, err);
	if (r == WARD_OK)
		read_elf(fd, ret);
	if (r < 0 || ret->loader_n == 0)
		return r;
	if (ret->loader_n >= sizeof(ret->loader) ||
		pread(fd, ret->loader, ret->loader_n, (off_t)ret->loader_at) !=
			(ssize_t)ret->loader_n)
		ret->loader[0] = '\0';
	ret->loader[ret->loader_n < sizeof(ret->loader) ? ret->loader_n : 0] = '\0';
	return WARD_OK;
}

/* The kernel takes the character for the end of the interpreter's name. */
int ward_head_line_end(struct ward_resolver *rs, const struct ward_head *h, const char *path,
	struct ward_error *err)
{
	if (!h->script || !h->cr)
		return WARD_OK;
	(void)ward_fail(err, WARD_E_SPAWN,
		"%s cannot be executed: its first line ends as on Windows", ward_rs_show(rs, path));
	if (err)
		err->sys_errno = ENOENT;
	ward_fail_at(err, path, 1, 0);
	ward_fail_fix(err, "save it with the line ends of Unix (sed -i 's/\\r$//')");
	return WARD_E_SPAWN;
}
