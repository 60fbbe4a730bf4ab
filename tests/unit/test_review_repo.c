/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits with what of a repository. Each row has changes, VERB PATH=STATE ("+" new, "~" other content, "-" gone), and a letter for what becomes
 * of each. A state: a becomes real, c in conflict, r refused, t forgotten by --theirs (T, and asked for by its name), o by --ours of its name, p not asked for, N asked for by its name; while the
 * run lives l (not quiet yet) and q (was picked before, as it is). What becomes of it: a real, n not asked for, b behind, and c, r, t.
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "run/review/marks.h"
#include "run/review/repo.h"
#include "tap.h"

struct row {
	const char *changes, *want;
};

/* clang-format off */
static const struct row rows[] = {
	{ "~.git/index=c ~.git/HEAD=a ~.git/refs/heads/m=a +.git/refs/heads/n=a +.git/objects/aa/x=a +f=a", "cbbaaa" },
	{ "~.git/HEAD=r ~.git/index=a -.git/refs/tags/v=a ~.git/logs/HEAD=a ~.git/COMMIT_EDITMSG=a", "rbbba" },
	{ "~.git/index=c ~.git/HEAD=o", "ca" },
	{ "~.git/index=c ~.git/packed-refs=a ~.git/shallow=a ~.git/MERGE_HEAD=a +.git/rebase-merge/done=a ~.git/ORIG_HEAD=a", "cbbbbb" },
	{ "~.git/ORIG_HEAD=c ~.git/MERGE_MSG=c ~.git/index=a", "cca" },
	{ "~.git/index=p ~.git/HEAD=a", "na" },
	{ "~.git/description=c ~.git/index=a", "ca" },
	/* what names objects, and they */
	{ "+.git/objects/aa/x=r ~.git/index=a +.git/refs/heads/n=a +.git/refs/tags/v=a ~.git/refs/stash=a +f=a", "rbbbba" },
	{ "+.git/objects/aa/x=a ~.git/index=c", "ac" },
	{ "+.git/objects/aa/tmp_obj_1=r +.git/objects/info/commit-graph=r +.git/objects/pack/tmp_pack_1=r ~.git/index=a", "rrra" },
	{ "+.git/objects/pack/p.pack=r +.git/refs/tags/v=a", "rb" },
	{ "~.git/objects/pack/p.pack=r +.git/refs/tags/v=a", "rb" },
	{ "+.git/objects/info/alternates=r ~.git/HEAD=a", "rb" },
	{ "+.git/sharedindex.x=r ~.git/index=a", "rb" },
	{ "~.git/index=c +.git/refs/tags/v=a +.git/objects/aa/x=r", "cbr" },
	{ "+.git/objects/aa/x=c ~.git/index=a +.git/refs/tags/v=a", "cbb" },
	{ "-.git/objects/aa/there=a ~.git/refs/heads/m=c", "bc" },
	{ "-.git/objects/aa/there=r ~.git/refs/heads/m=a", "ra" },
	{ "-.git/objects/aa/there=a +.git/objects/pack/p.pack=r", "br" },
	/* those that go, and what nobody asked for or what is no branch; N is asked for by its very name */
	{ "-.git/objects/aa/x=a ~.git/refs/heads/m=p", "bn" },
	{ "-.git/objects/aa=a +.git/objects/pack/p.pack=a ~.git/HEAD=p", "ban" },
	{ "-.git/objects/pack/p.pack=a ~.git/index=p", "bn" },
	{ "-.git/objects/aa/x=a +.git/objects/pack/p.pack=p", "bn" },
	{ "-.git/objects/aa/x=a -.git/refs/tags/v=p", "bn" },
	{ "-.git/objects/aa/x=a ~.git/refs/tags/v=c", "bc" },
	{ "-.git/objects/aa/x=N ~.git/refs/heads/m=p", "an" },
	{ "-.git/objects/aa/x=o ~.git/refs/heads/m=p", "an" },
	{ "-.git/objects/aa/x=a -.git/objects/aa/y=p ~.git/HEAD=a ~f=p", "anan" },
	{ "-.git/objects/aa/x=a ~s/.git/HEAD=p", "an" },
	/* forgotten alone */
	{ "~.git/index=t ~.git/HEAD=a", "cb" },
	{ "~.git/index=t ~.git/HEAD=t", "tt" },
	{ "~.git/index=t ~.git/HEAD=o", "ta" },
	{ "~.git/index=t +.git/refs/tags/v=a", "ta" },
	{ "+.git/refs/heads/n=t ~.git/HEAD=a", "tb" },
	{ "+.git/objects/aa/x=t ~.git/index=a", "cb" },
	{ "+.git/objects/aa/x=t +.git/refs/tags/v=a", "cb" },
	{ "+.git/objects/aa/x=t +.git/refs/heads/n=a", "cb" },
	{ "+.git/objects/aa/x=t +.git/refs/tags/v=t ~.git/index=t", "ttt" },
	{ "+.git/objects/pack/p.pack=t ~.git/HEAD=a", "cb" },
	/* what may be named still keeps all its objects */
	{ "-.git/refs/tags/v=t -.git/objects/aa/x=a -.git/objects/pack/p.idx=p -s/.git/objects/aa/x=a", "ttta" },
	{ "~.git/refs/tags/v=t -.git/objects/aa/x=o -.git/objects/aa/y=N -.git/objects/aa/z=r", "taat" },
	{ "+.git/refs/tags/v=t -.git/objects/aa/x=a", "tb" },
	{ "-.git/refs/tags/v=T -.git/objects/aa/x=a", "tt" },
	{ "-.git/objects/aa/x=T ~.git/refs/tags/v=a -.git/objects/aa/y=a", "taa" },
	{ "~.git/objects/pack/multi-pack-index=t -.git/objects/pack/p.pack=a", "tt" },
	{ "~.git/objects/pack/multi-pack-index=c -.git/objects/pack/p.pack=a +.git/objects/pack/q.pack=a", "tta" },
	{ "-.git/objects/pack/p.idx=a -.git/objects/pack/p.pack=c +.git/objects/pack/q.pack=a", "tta" },
	{ "~.git/objects/info/packs=c ~.git/info/refs=c ~.git/objects/info/commit-graph=c +.git/objects/pack/multi-pack-index=c ~.git/index=a", "tttta" },
	{ "+.git/objects/pack/multi-pack-index=a ~.git/objects/info/commit-graph=a ~.git/index=c", "bbc" },
	/* of which repository */
	{ "~s/.git/index=c ~.git/index=a ~s/.git/HEAD=a", "cab" },
	{ "~n/index=c ~n/HEAD=a", "ca" },
	{ "~HEAD=c ~index=a", "ca" },
	{ "~.git/worktrees/w/index=c ~.git/HEAD=a ~.git/refs/heads/m=a", "cbb" },
	{ "~bare/packed-refs=c ~bare/HEAD=a ~bare/x/HEAD=a", "cba" },
	/* others */
	{ "+.hg/store/x=r ~.hg/dirstate=a ~.hg/branch=a ~.hg/hgrc=a", "rbba" },
	{ "~s/.jj/working_copy/x=c ~s/.jj/working_copy/y=a ~s/.jj/repo/x=a", "cba" },
}, alive[] = {
	{ "~.git/index=l ~.git/HEAD=a +.git/refs/tags/v=a", "nba" },
	{ "+.git/objects/aa/x=l ~.git/HEAD=a +.git/refs/tags/v=a", "nbb" },
	{ "~.git/index=q ~.git/HEAD=a", "aa" },
	{ "~.git/index=q ~.git/HEAD=l", "nn" },
	{ "+.git/refs/tags/v=q ~.git/index=a", "aa" },
	{ "-.git/objects/aa/x=a ~.git/refs/tags/v=l", "bn" },
	{ "-.git/objects/aa/x=a ~.git/refs/tags/v=q", "aa" },
	{ "-.git/objects/pack/p.idx=a -.git/objects/pack/p.pack=c", "bb" },
};
/* clang-format on */

static char top[] = "/tmp/ward-test-repo-XXXXXX";
static int root = -1;

static void have(const char *path)
{
	char text[256];

	(void)snprintf(text, sizeof(text), "%s", path);
	for (char *p = strchr(text, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdirat(root, text, 0755);
		*p = '/';
	}
	ward_close(openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static void project(void)
{
	static const char *const names[] = { ".git/HEAD", ".git/refs/x", ".git/objects/aa/there",
		".git/worktrees/w/HEAD", ".git/worktrees/w/commondir", "s/.git/HEAD",
		"s/.git/refs/x", "s/.git/objects/x", "n/HEAD", "n/refs/x", "bare/HEAD",
		"bare/refs/x", "bare/objects/x" };

	if (root >= 0)
		return;
	REQUIRE(mkdtemp(top));
	root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(root >= 0);
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++)
		have(names[i]);
}

static void decided(char *word, struct ward_change *c, struct ward_review_decision *d)
{
	char *to = strchr(word, '='), state = to[1];

	*to = '\0';
	*c = (struct ward_change){ .path = word + 1,
		.mode = word[0] == '-' ? 0 : S_IFREG | 0644,
		.kind = word[0] == '+'   ? WARD_CHANGE_ADDED
			: word[0] == '-' ? WARD_CHANGE_DELETED
					 : WARD_CHANGE_MODIFIED };
	*d = (struct ward_review_decision){ .change = c,
		.effect = state == 'c' ? WARD_REVIEW_CONFLICT
			: state == 'r' ? WARD_REVIEW_REFUSE
				       : WARD_REVIEW_APPLY,
		.side = state == 't' || state == 'T' ? WARD_COMMIT_THEIRS
			: state == 'o'               ? WARD_COMMIT_OURS
						     : WARD_COMMIT_NEITHER,
		.wanted = !strchr("plq", state),
		.by_name = state == 'o',
		.named = state == 'N' || state == 'T',
		.told = state == 'q',
		.cure = state == 'c' ? "--theirs PATH, --ours PATH" : NULL };
}

static char became(const struct ward_review_decision *d)
{
	return d->effect == WARD_REVIEW_BEHIND      ? 'b'
		: d->effect == WARD_REVIEW_CONFLICT ? 'c'
		: d->effect == WARD_REVIEW_REFUSE   ? 'r'
		: !d->wanted                        ? 'n'
		: d->side == WARD_COMMIT_THEIRS     ? 't'
						    : 'a';
}

static struct ward_change changes[8];
static struct ward_review_decision v[8];
static struct ward_review_decisions d = { .v = v };
static struct ward_arena *a;

static void decide(const char *what, bool lives)
{
	static char text[512];
	const struct ward_git_marks marks = { .root = root };
	struct ward_resolver rs = { 0 };
	const struct ward_review_terms terms = { .rs = &rs };
	struct ward_error err = WARD_ERROR_INIT;
	char *save;

	ward_arena_free(a);
	a = ward_arena_new(1u << 20);
	d.n = 0;
	d.lives = lives;
	(void)snprintf(text, sizeof(text), "%s", what);
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save), d.n++)
		decided(w, &changes[d.n], &v[d.n]);
	REQUIRE(a);
	rs.arena = a;
	CHECK_EQ_INT(ward_review_repos(&terms, &marks, &d, &err), WARD_OK);
}

static void waits(const char *what, const char *want)
{
	char got[9] = "";

	while (ward_review_repos_wait(a, &d))
		;
	for (size_t i = 0; i < d.n; i++) {
		got[i] = became(&v[i]);
		CHECK(v[i].effect != WARD_REVIEW_BEHIND || v[i].why);
		CHECK(v[i].effect != WARD_REVIEW_CONFLICT ||
			!strstr(v[i].change->path, ".git/index") ||
			strstr(v[i].cure, "forgets all of the repository"));
	}
	CHECK_MSG(strcmp(got, want) == 0, "%s: %s, not %s", what, got, want);
}

static void judged(const struct row *row, bool lives)
{
	decide(row->changes, lives);
	waits(row->changes, row->want);
}

TEST(each_part_keeps_the_others_and_waits_for_them)
{
	static const char *const parts[] = { "HEAD", "packed-refs", "reftable/x", "shallow",
		"rebase-merge/x", "rebase-apply/x", "sequencer/x", "MERGE_HEAD", "CHERRY_PICK_HEAD",
		"REVERT_HEAD", "refs/heads/m" };
	char text[128];

	project();
	for (size_t i = 0; i < WARD_ARRAY_SIZE(parts); i++) {
		(void)snprintf(text, sizeof(text), "~.git/%s=r ~.git/index=a", parts[i]);
		judged(&(struct row){ text, "rb" }, false);
		(void)snprintf(text, sizeof(text), "~.git/index=r ~.git/%s=a", parts[i]);
		judged(&(struct row){ text, "rb" }, false);
	}
}

/* As where the plan of a commit finds more each time. */
TEST(all_of_it_waits_at_last)
{
	static const char what[] = "~.git/HEAD=a +.git/refs/tags/v=a +.git/objects/aa/x=a +f=a";

	project();
	decide(what, false);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ_INT(ward_review_repos_held_by(&v[i]), i == 0 || i == 2);
	CHECK(ward_review_repos_any(&d));
	ward_review_repos_none(&d);
	CHECK(!ward_review_repos_any(&d));
	waits(what, "bbaa");
	decide("+f=a", false);
	CHECK(!ward_review_repos_any(&d));
}

TEST(a_repository_waits_as_one)
{
	project();
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++)
		judged(&rows[i], false);
}

TEST(while_the_run_lives)
{
	project();
	for (size_t i = 0; i < WARD_ARRAY_SIZE(alive); i++)
		judged(&alive[i], true);
}

TEST(where_nothing_of_it_can_be_looked_at_it_is_one)
{
	static const struct row row = { "~n/index=c ~n/HEAD=a", "cb" };
	int was = root;

	root = -1;
	judged(&row, false);
	root = was;
}

static int take_away(const char *path, const struct stat *st, int what, struct FTW *f)
{
	(void)st;
	(void)what;
	(void)f;
	return remove(path);
}

TEST(the_project_goes)
{
	project();
	ward_close(root);
	CHECK_EQ_INT(nftw(top, take_away, 16, FTW_DEPTH | FTW_PHYS), 0);
}

TAP_MAIN();
