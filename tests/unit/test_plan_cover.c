/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies below a bind: which node of the view is kept there, and which is dropped because the wider one says it already. One that is
 * dropped wrongly gives what a policy took away.
 */
#include "plan_util.h"

#define R .is_dir = true
#define W R, .write = true
#define FIXED .fixed = true
#define X .exec = true

static const struct {
	const char *name;
	struct ward_node wide, deep; /* at /w and /w/n */
	bool kept;
} rows[] = {
	/* grants add up */
	{ "read in read", { R }, { R }, false },
	{ "read in write", { W }, { R }, false },
	{ "write in read", { R }, { W }, true },
	{ "write in write", { W }, { W }, false },
	{ "execute in read", { R }, { R, X }, true },
	{ "execute in execute", { R, X }, { R, X }, false },
	{ "read in execute", { R, X }, { R }, false },
	{ "write in execute", { R, X }, { W }, true },
	{ "write and execute in write", { W }, { W, X }, true },
	{ "mapped in not mapped", { R }, { R, .idmap = true }, true },
	{ "mapped in mapped", { R, .idmap = true }, { R, .idmap = true }, false },
	{ "not mapped in mapped", { R, .idmap = true }, { R }, false },
	/* what a policy decided is so, whatever a grant says */
	{ "read alone in write", { W }, { R, FIXED }, true },
	{ "read alone in read", { R }, { R, FIXED }, false },
	{ "write alone in read", { R }, { W, FIXED }, true },
	{ "write alone in write", { W }, { W, FIXED }, false },
	{ "not executed in read", { R }, { R, FIXED, .noexec = true }, true },
	{ "not executed in not executed", { R, FIXED, .noexec = true },
		{ R, FIXED, .noexec = true }, false },
	{ "executed in not executed", { R, FIXED, .noexec = true }, { R, FIXED }, true },
	{ "read alone, mapped, in not mapped", { R }, { R, FIXED, .idmap = true }, true },
	{ "read alone, mapped, in mapped", { R, .idmap = true }, { R, FIXED, .idmap = true },
		false },
	{ "read alone in mapped", { R, .idmap = true }, { R, FIXED }, false },
	{ "a grant in read alone", { R, FIXED }, { W }, false },
	{ "a grant in read alone that is only held", { R, FIXED, .hold = true }, { W }, true },
	/* masks */
	{ "a mask in read", { R }, { .kind = WARD_NODE_MASK, FIXED }, true },
	{ "a mask in write", { W }, { .kind = WARD_NODE_MASK, FIXED }, true },
	{ "a grant in a mask that nothing shows",
		{ .kind = WARD_NODE_MASK, R, FIXED, .stay = true }, { W }, true },
	/* held in its place, and protected */
	{ "held in write", { W }, { W, .hold = true }, true },
	{ "protected in write", { W }, { R, .protect = true }, true },
	{ "protected in read", { R }, { R, .protect = true }, false },
	{ "a grant in protected", { R, .protect = true }, { W }, false },
	/* what is there for every run */
	{ "the base in write", { W }, { R, .base = true }, false },
	{ "a link in write", { W }, { .kind = WARD_NODE_SYMLINK, .source = "x", .base = true },
		false },
	{ "a file in write", { W }, { .kind = WARD_NODE_FILE, .source = "x", .source_len = 1 },
		false },
};

static struct ward_node at(const struct ward_node *from, const char *dest)
{
	struct ward_node n = *from;

	n.dest = dest;
	n.rule = -1;
	if (n.kind == WARD_NODE_DIR)
		n.kind = WARD_NODE_BIND;
	if (n.kind == WARD_NODE_BIND)
		n.source = dest;
	return n;
}

static const struct ward_node *find(const struct ward_plan *p, const char *dest)
{
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (strcmp(p->nodes[i].dest, dest) == 0)
			return &p->nodes[i];
	}
	return NULL;
}

TEST(below_a_bind)
{
	TABLE(row, rows) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		/* One above, which shows everything and is never the nearest. */
		struct ward_node nodes[] = { at(&row->deep, "/w/n"), at(&row->wide, "/w"),
			at(&(const struct ward_node){ R }, "/v") };
		const struct ward_node *n;
		struct ward_plan *p;

		CASE("%s", row->name);
		in.nodes = nodes;
		in.n_nodes = 3;
		p = must_build(&in);
		n = find(p, "/w/n");
		CHECK_EQ_INT(n != NULL, row->kept);
		CHECK(!n ||
			(n->kind == nodes[0].kind && n->write == nodes[0].write &&
				n->exec == nodes[0].exec && n->noexec == nodes[0].noexec &&
				n->fixed == nodes[0].fixed && n->hold == nodes[0].hold));
		n = find(p, "/w");
		CHECK(n && n->write == (row->wide.write && !row->wide.protect));
		ward_plan_free(p);
	}
}

/* The nearest decides: what is read alone, or not there, stays so below what is written, whatever is granted below it. */
TEST(the_nearest_decides)
{
	static const struct ward_node wide = { W }, grant = { W }, alone = { R, FIXED },
				      mask = { .kind = WARD_NODE_MASK, R, FIXED };

	for (int what = 0; what < 2; what++) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		struct ward_node nodes[] = { at(&grant, "/w/a/b"),
			at(what ? &mask : &alone, "/w/a"), at(&wide, "/w") };
		struct ward_plan *p;

		CASE("%s", what ? "a mask" : "read alone");
		in.nodes = nodes;
		in.n_nodes = 3;
		p = must_build(&in);
		CHECK(!find(p, "/w/a/b"));
		CHECK(find(p, "/w/a") && !find(p, "/w/a")->write &&
			find(p, "/w/a")->kind == nodes[1].kind);
		ward_plan_free(p);
	}
}

/* What is longer than a path can be is not passed over, least of all what takes something away. */
TEST(longer_than_a_path)
{
	static const struct ward_node wide = { W }, mask = { .kind = WARD_NODE_MASK, R, FIXED };

	for (int what = 0; what < 4; what++) {
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		char name[WARD_PATH_MAX + 1] = "/w";
		struct ward_plan *p = NULL;

		CASE("%s of %s", what & 1 ? "a grant" : "a mask", what & 2 ? "4095 bytes" : "4096");
		for (size_t i = 2; i < WARD_PATH_MAX - (what & 2 ? 1u : 0u); i++)
			name[i] = i % 200 == 2 ? '/' : 'n';
		struct ward_node nodes[] = { at(what & 1 ? &wide : &mask, name), at(&wide, "/w") };

		in.nodes = nodes;
		in.n_nodes = 2;
		if (what & 2) {
			p = must_build(&in);
			CHECK_EQ_INT(find(p, name) != NULL, !(what & 1));
		} else {
			CHECK_EQ_INT(ward_plan_build(&in, &p, &err), WARD_E_LIMIT);
			CHECK(strstr(err.message, "over 4095 bytes") && err.fix[0]);
			CHECK(!p);
		}
		ward_plan_free(p);
	}
}

/* Two of one name: grants add up, but with what a policy decided, and what is protected is written by nobody. */
TEST(one_name_twice)
{
	static const struct {
		const char *name;
		struct ward_node a, b;
		bool write, exec, hold;
	} twice[] = {
		{ "read and write", { R }, { W }, true, false, false },
		{ "write and execute", { W }, { R, X }, true, true, false },
		{ "write and protected", { W }, { R, .protect = true }, false, false, false },
		{ "read and held", { R }, { R, .hold = true }, false, false, true },
		{ "read alone, and write", { R, FIXED }, { W }, false, false, false },
	};

	TABLE(row, twice) {
		for (int turned = 0; turned < 2; turned++) {
			struct ward_host h = full_host();
			struct ward_plan_input in = input(&h);
			struct ward_node nodes[] = { at(turned ? &row->b : &row->a, "/w"),
				at(turned ? &row->a : &row->b, "/w") };
			const struct ward_node *n;
			struct ward_plan *p;

			CASE("%s, %d", row->name, turned);
			in.nodes = nodes;
			in.n_nodes = 2;
			p = must_build(&in);
			n = find(p, "/w");
			REQUIRE(n);
			CHECK_EQ_INT(n->write, row->write);
			CHECK_EQ_INT(n->exec, row->exec);
			CHECK_EQ_INT(n->hold, row->hold);
			ward_plan_free(p);
		}
	}
}

/* What a policy takes away, and nothing wider shows, is not there: but where the run starts, as an empty directory. */
TEST(one_name_given_and_taken_away)
{
	static const struct {
		const char *name;
		struct ward_node other, mask;
		bool stays, dir;
	} taken[] = {
		{ "granted", { W }, { R, FIXED }, false },
		{ "granted as a file", { 0 }, { FIXED }, false },
		{ "a link of the base", { .kind = WARD_NODE_SYMLINK, .source = "x", .base = true },
			{ R, FIXED }, false },
		{ "taken twice", { .kind = WARD_NODE_MASK, R, FIXED }, { R, FIXED }, false },
		{ "a directory of the view", { R }, { R, FIXED }, true, true },
		{ "granted, and the run starts there", { W }, { R, FIXED, .stay = true }, true },
	};

	TABLE(row, taken) {
		for (int turned = 0; turned < 2; turned++) {
			struct ward_host h = full_host();
			struct ward_plan_input in = input(&h);
			struct ward_node mask = row->mask, nodes[2];
			const struct ward_node *n;
			struct ward_plan *p;

			CASE("%s, %d", row->name, turned);
			mask.kind = WARD_NODE_MASK;
			nodes[turned] = at(&row->other, "/w/n");
			if (row->dir)
				nodes[turned].kind = WARD_NODE_DIR;
			nodes[!turned] = at(&mask, "/w/n");
			in.nodes = nodes;
			in.n_nodes = 2;
			p = must_build(&in);
			n = find(p, "/w/n");
			CHECK_EQ_INT(n != NULL, row->stays);
			CHECK(!n || n->kind == WARD_NODE_DIR);
			ward_plan_free(p);
		}
	}
}

/* Of two of one name the rule that matters is shown: the writer's, the earlier one's, a grant's before the base. */
TEST(whose_rule_is_shown)
{
	static const struct ward_rule rules[] = {
		{ .type = WARD_CAP_FILE_READ, .pattern = "/w", .text = "a" },
		{ .type = WARD_CAP_FILE_WRITE, .pattern = "/w", .text = "b" },
	};
	static const struct {
		const char *name;
		struct ward_node of_0, of_1;
		int rule;
	} shown[] = {
		{ "the writer's, though later", { R }, { W }, 1 },
		{ "the writer's, though earlier", { W }, { R }, 0 },
		{ "the earlier one's", { R }, { R }, 0 },
		{ "the earlier writer's", { W }, { W }, 0 },
		{ "a grant's", { W, .base = true }, { R }, 1 },
		{ "what is fixed", { W }, { R, FIXED }, 1 },
	};

	TABLE(row, shown) {
		for (int turned = 0; turned < 2; turned++) {
			struct ward_host h = full_host();
			struct ward_plan_input in = input(&h);
			struct ward_node nodes[] = { at(&row->of_0, "/w"), at(&row->of_1, "/w") };
			struct ward_node first;
			struct ward_plan *p;

			CASE("%s, %d", row->name, turned);
			nodes[0].rule = 0;
			nodes[1].rule = 1;
			first = nodes[turned];
			nodes[turned] = nodes[0];
			nodes[0] = first;
			in.nodes = nodes;
			in.n_nodes = 2;
			in.rules = rules;
			in.n_rules = 2;
			p = must_build(&in);
			REQUIRE(find(p, "/w"));
			CHECK_EQ_INT(find(p, "/w")->rule, row->rule);
			ward_plan_free(p);
		}
	}
}

TAP_MAIN();
