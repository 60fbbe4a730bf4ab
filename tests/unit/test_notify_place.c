/* SPDX-License-Identifier: Apache-2.0 */
/* Where a path of the inside leads, at the bounds of a path's length: a view that is a table alone, so that nothing has to exist. */
#include <errno.h>
#include <sys/stat.h>

#include "confine/native/broker/notify.h"
#include "tap.h"

#define NAME 250
#define UP 8 /* names above the link, and of what it says */
#define NODES (2 * UP + 1)

static char dests[NODES][WARD_PATH_MAX + 8], says[WARD_PATH_MAX];
static struct ward_node nodes[NODES];

/* to = above, "/" and n times c. */
static void below(char *to, const char *above, char c, size_t n)
{
	size_t have = strlen(above);

	memcpy(to, above, have);
	to[have] = '/';
	memset(to + have + 1, c, n);
	to[have + 1 + n] = '\0';
}

/* Directories, a link in the deepest one, and what its relative text leads to: a path of so many bytes, longer than any text was. */
static void view_of(size_t bytes)
{
	const char *above = "";

	for (int i = 0; i < UP; i++) {
		below(dests[i], above, 'a', NAME);
		nodes[i] = (struct ward_node){ .kind = WARD_NODE_DIR, .dest = dests[i] };
		above = dests[i];
	}
	for (int i = UP; i < 2 * UP; i++) {
		size_t n = i < 2 * UP - 1 ? NAME : bytes - strlen(above) - 1;

		below(dests[i], above, 'b', n);
		nodes[i] = (struct ward_node){ .kind = WARD_NODE_DIR, .dest = dests[i] };
		above = dests[i];
	}
	(void)snprintf(says, sizeof(says), "%s", above + strlen(dests[UP - 1]) + 1);
	below(dests[2 * UP], dests[UP - 1], 'l', 1);
	nodes[2 * UP] = (struct ward_node){
		.kind = WARD_NODE_SYMLINK, .dest = dests[2 * UP], .source = says
	};
}

TEST(a_link_may_lead_to_the_longest_path_and_no_further)
{
	static const struct {
		const char *name;
		size_t bytes;
		int r;
	} rows[] = {
		{ "far from it", WARD_PATH_MAX - 100, 0 },
		{ "the longest", WARD_PATH_MAX - 1, 0 },
		{ "one more", WARD_PATH_MAX, -ENAMETOOLONG },
		{ "two more", WARD_PATH_MAX + 1, -ENAMETOOLONG },
		{ "three more", WARD_PATH_MAX + 2, -ENAMETOOLONG },
	};

	TABLE(row, rows) {
		struct ward_plan plan = { .nodes = nodes, .n_nodes = NODES };
		static struct ward_notify n;
		static struct ward_place at;
		struct ward_ask ask = { .dir = -1, .mem = -1 };
		struct ward_error err = { 0 };

		CASE("%s", row->name);
		view_of(row->bytes);
		n = (struct ward_notify){ .plan = &plan };
		REQUIRE(ward_tree_init(&n.tree, &plan, &err) == WARD_OK);
		CHECK_EQ_INT(ward_notify_place(&n, &ask, "/", dests[2 * UP], true, &at), row->r);
		if (row->r == 0) {
			CHECK_EQ_INT(strlen(at.path), row->bytes);
			CHECK_STR_EQ(at.path, dests[2 * UP - 1]);
			CHECK_EQ_INT(at.depth, 2 * UP);
		}
		/* Not followed, it is the link. */
		CHECK_EQ_INT(ward_notify_place(&n, &ask, "/", dests[2 * UP], false, &at), 0);
		CHECK(S_ISLNK(at.mode) && !at.is_dir);
		ward_tree_done(&n.tree);
	}
}

TAP_MAIN();
