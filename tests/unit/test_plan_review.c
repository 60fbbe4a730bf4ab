/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan with a review: the directory is an overlay, grants below it are gone and what a policy decides there is not; what bounds the
 * layer is what the axis says; and where no overlay can be had there is no plan.
 */
#include "plan_util.h"

static struct ward_review review(void)
{
	return (struct ward_review){ .on = true,
		.root = "/w",
		.root_dev = 5,
		.root_ino = 7,
		.backend = WARD_DISK_TMPFS,
		.bound = 8 * MIB };
}

static const struct ward_node *find(const struct ward_plan *p, const char *dest)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (strcmp(p->nodes[i].dest, dest) == 0)
			return &p->nodes[i];
	return NULL;
}

static struct ward_plan *build(struct ward_node *v, size_t n, const struct ward_review *r)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);

	in.nodes = v;
	in.n_nodes = n;
	in.review = *r;
	return must_build(&in);
}

TEST(nodes)
{
	struct ward_node v[] = {
		BIND("/w", .write = true, .idmap = true, .dev = 1, .ino = 1),
		BIND("/w/build", .write = true, .exec = true),
		BIND("/w/src", .dev = 1, .ino = 2),
		BIND("/w/secret", .fixed = true, .dev = 1, .ino = 3),
		BIND("/w/.ward", .protect = true, .dev = 1, .ino = 4),
		BIND("/w/a", .write = true, .fixed = true, .hold = true, .dev = 1, .ino = 5),
		NODE(MASK, "/w/a/hidden", .fixed = true, .is_dir = true),
		NODE(MASK, "/w/to-come", .fixed = true, .is_dir = true, .pin = true),
		BIND_FILE("/w/to-come-too", .fixed = true, .pin = true),
		NODE(MASK, "/x/to-come", .fixed = true, .is_dir = true, .pin = true),
		BIND("/x", .write = true, .dev = 1, .ino = 6),
	};
	struct ward_review r = review();
	struct ward_plan *p = build(v, WARD_ARRAY_SIZE(v), &r);
	const struct ward_node *n = find(p, "/w");

	REQUIRE(n);
	CHECK(n->review && n->write && n->idmap && !n->exec);
	CHECK_EQ_INT(n->dev, 5);
	CHECK_EQ_INT(n->ino, 7);
	/* A grant has nothing left to say, but what may be executed. */
	CHECK_NULL(find(p, "/w/build"));
	CHECK_NULL(find(p, "/w/src"));
	CHECK_EQ_INT(p->n_exec_paths, 1);
	CHECK(p->n_exec_paths == 1 && strcmp(p->exec_paths[0], "/w/build") == 0);
	n = find(p, "/w/secret");
	CHECK(n && n->review && !n->write);
	n = find(p, "/w/.ward");
	CHECK(n && n->review && !n->write);
	n = find(p, "/w/a");
	CHECK(n && n->review && n->write);
	n = find(p, "/w/a/hidden");
	CHECK(n && n->kind == WARD_NODE_MASK && !n->review);
	/* Nothing is made in the project so that it cannot be made inside. */
	CHECK(!find(p, "/w/to-come") && !find(p, "/w/to-come-too") && find(p, "/x/to-come"));
	n = find(p, "/x");
	CHECK(n && n->write && !n->review);
	ward_plan_free(p);
}

TEST(root_is_made)
{
	struct ward_node wide[] = { BIND("/", .dev = 1, .ino = 1),
		BIND("/v", .write = true, .exec = true, .idmap = true) };
	struct ward_review r = review();
	struct ward_plan *p;
	const struct ward_node *n;

	r.root = "/v/deep/w";
	p = build(wide + 1, 1, &r);
	n = find(p, "/v/deep/w");
	CHECK_MSG(n && n->review && n->write && n->exec && n->idmap,
		"a wider grant does not show the host's own");
	n = find(p, "/v");
	CHECK(n && !n->review && n->write);
	ward_plan_free(p);
	p = build(NULL, 0, &r);
	n = find(p, "/v/deep/w");
	CHECK_MSG(n && n->review && n->write && !n->exec, "without any grant");
	CHECK(find(p, "/v/deep") && find(p, "/v"));
	ward_plan_free(p);
}

/* Where somebody granted the place of the store as well, nobody inside comes by the layer's own name to what he has written. */
TEST(layer_is_covered)
{
	struct ward_node v[] = { BIND("/w", .write = true), BIND("/home", .write = true) };
	struct ward_review r = review();
	struct ward_plan *p;
	const struct ward_node *n;

	r.layer = "/home/x/store/layer";
	r.layer_dev = 1;
	r.layer_ino = 9;
	p = build(v, 2, &r);
	n = find(p, "/home/x/store/layer");
	CHECK(n && n->kind == WARD_NODE_MASK && n->is_dir && n->mode == 0);
	ward_plan_free(p);
	p = build(v, 1, &r);
	CHECK_MSG(!find(p, "/home/x/store/layer"), "nothing shows it");
	ward_plan_free(p);
}

static const struct {
	enum ward_disk_backend backend;
	bool other; /* something else may be written */
	enum ward_level level;
	const char *word;
} disks[] = {
	{ WARD_DISK_TMPFS, false, WARD_LEVEL_ENFORCED, "\"tmpfs\"" },
	{ WARD_DISK_LOOP, false, WARD_LEVEL_ENFORCED, "\"loop\"" },
	{ WARD_DISK_DIR, false, WARD_LEVEL_SAMPLED, "\"dir\"" },
	{ WARD_DISK_TMPFS, true, WARD_LEVEL_SAMPLED, "\"tmpfs\"" },
	{ WARD_DISK_DIR, true, WARD_LEVEL_SAMPLED, "\"dir\"" },
};

TEST(disk)
{
	for (size_t i = 0; i < WARD_ARRAY_SIZE(disks); i++) {
		struct ward_node v[] = { BIND("/w", .write = true), BIND("/x", .write = true) };
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		struct ward_buf b = WARD_BUF_INIT;
		struct ward_plan *p;

		h.uid = 0;
		h.idmap = true;
		in.nodes = v;
		in.n_nodes = disks[i].other ? 2 : 1;
		in.review = review();
		in.review.backend = disks[i].backend;
		p = must_build(&in);
		CHECK_EQ_INT(p->axes[WARD_AXIS_DISK].level, disks[i].level);
		ward_plan_json(p, &b);
		CHECK(strstr(ward_buf_cstr(&b), disks[i].word));
		ward_buf_done(&b);
		ward_plan_free(p);
	}
}

/* Its name is its content: another bound, another layer, no review at all. */
TEST(sha)
{
	struct ward_node v[] = { BIND("/w", .write = true) };
	struct ward_review r[4] = { { .on = false }, review(), review(), review() };
	char sha[4][WARD_SHA256_HEX];

	r[2].bound++;
	r[3].layer = "/store/layer";
	r[3].layer_dev = 1;
	r[3].layer_ino = 9;
	for (size_t i = 0; i < 4; i++) {
		struct ward_plan *p = build(v, 1, &r[i]);
		struct ward_buf b = WARD_BUF_INIT;

		memcpy(sha[i], p->sha256, sizeof(sha[i]));
		ward_plan_text(p, &b);
		CHECK((strstr(ward_buf_cstr(&b), "ov   /w/") != NULL) == (i > 0));
		CHECK((strstr(ward_buf_cstr(&b), "/store/layer") != NULL) == (i == 3));
		ward_buf_done(&b);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(sha[i], sha[k]) != 0);
		ward_plan_free(p);
	}
}

TEST(refused)
{
	struct ward_node v[] = { BIND("/w", .write = true),
		NODE(MASK, "/w", .fixed = true, .is_dir = true) };
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	struct ward_error err;

	in.nodes = v;
	in.n_nodes = 1;
	in.review = review();
	in.backend = WARD_BACKEND_DIRECT;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_INVALID);
	CHECK(strstr(err.fix, "--backend native"));
	in.backend = WARD_BACKEND_NATIVE;
	in.review.backend = WARD_DISK_LOOP;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_INVALID);
	CHECK(strstr(err.message, "only root") && strstr(err.fix, "tmpfs"));
	in.review = review();
	in.review.bound = 0;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_INTERNAL);
	in.review = review();
	in.n_nodes = 2;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK(strstr(err.message, "a policy forbids reading \"/w\""));
	in.n_nodes = 1;
	h.userns = false;
	CHECK_EQ_INT(refused(&in, &err), WARD_E_AXIS);
	CHECK(strstr(err.message, "an overlay needs user namespaces") &&
		strstr(err.fix, "without --review"));
}

TAP_MAIN();
