/* SPDX-License-Identifier: Apache-2.0 */
/* plan: what letting a run connect asks of the host, and puts into its view. */
#include "plan_util.h"

/* What egress needs of a host, each missing by itself: refused by name, whatever is accepted. */
TEST(egress_needs)
{
	static const struct ward_rule rules[] = { { .type = WARD_CAP_NETWORK_CONNECT,
		.pattern = "api.example.com:443",
		.text = "NETWORK_CONNECT:api.example.com:443",
		.origin = { .file = "--cap" } } };
	static const struct {
		const char *missing, *fix;
	} rows[] = {
		{ "", "" },
		{ "without a network namespace", "allow user namespaces" },
		{ "no call is mediated", "no other filter has the listener" },
	};
	static const signed char all[WARD_AXIS_MAX];

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		struct ward_error err = WARD_ERROR_INIT;
		struct ward_plan *p = NULL;
		bool *const facts[] = { NULL, &h.userns, &h.seccomp_notify };
		int r;

		CASE("%s", rows[i].missing);
		in.rules = rules;
		in.n_rules = 1;
		in.accept = all;
		if (facts[i])
			*facts[i] = false;
		r = ward_plan_build(&in, &p, &err);
		CHECK_EQ_INT(r, i ? WARD_E_AXIS : WARD_OK);
		if (i) {
			CHECK_STR_CONTAINS(err.message,
				"axis network: NETWORK_CONNECT:api.example.com:443 cannot be granted");
			CHECK_STR_CONTAINS(err.message, rows[i].missing);
			CHECK_STR_CONTAINS(err.fix, rows[i].fix);
		}
		ward_plan_free(p);
		/* Nobody else needs any of it. */
		in.n_rules = 0;
		r = ward_plan_build(&in, &p, &err);
		CHECK_EQ_INT(r, WARD_OK);
		ward_plan_free(p);
	}
}

/* Without nf_tables all holds, by another way, which the plan says; and in a run that connects to nothing there is none of it. */
TEST(egress_without_nf_tables)
{
	static const struct ward_rule rules[] = { { .type = WARD_CAP_NETWORK_CONNECT,
		.pattern = "api.example.com:443",
		.text = "NETWORK_CONNECT:api.example.com:443",
		.origin = { .file = "--cap" } } };

	for (int i = 0; i < 4; i++) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		struct ward_plan *p;

		h.nft = i % 2;
		in.rules = rules;
		in.n_rules = i / 2;
		p = must_build(&in);
		CHECK_EQ_INT(p->egress, i / 2);
		CHECK_EQ_INT(p->redirects, i == 2);
		CHECK_EQ_INT(p->axes[WARD_AXIS_NETWORK].level, WARD_LEVEL_ENFORCED);
		CHECK_EQ_INT(strstr(p->axes[WARD_AXIS_NETWORK].by, "no nf_tables") != NULL, i == 2);
		ward_plan_free(p);
	}
}

TEST(egress_has_a_name_server)
{
	static const struct ward_rule rules[] = { { .type = WARD_CAP_NETWORK_CONNECT,
		.pattern = "api.example.com:443",
		.text = "NETWORK_CONNECT:api.example.com:443",
		.origin = { .file = "--cap" } } };
	static const struct ward_node etc[] = { BIND("/etc") };

	for (int i = 0; i < 3; i++) {
		struct ward_host h = full_host();
		struct ward_plan_input in = input(&h);
		const struct ward_node *found = NULL;
		struct ward_plan *p;

		CASE("%s", i == 0 ? "egress" : i == 1 ? "none" : "the host's is shown");
		in.rules = rules;
		in.n_rules = i == 1 ? 0 : 1;
		in.nodes = etc;
		in.n_nodes = i == 2 ? 1 : 0;
		p = must_build(&in);
		for (size_t k = 0; k < p->n_nodes; k++)
			if (strcmp(p->nodes[k].dest, "/etc/resolv.conf") == 0)
				found = &p->nodes[k];
		CHECK_EQ_INT(p->egress, i != 1);
		CHECK_EQ_INT(found != NULL, i == 0);
		if (found) {
			CHECK_EQ_INT(found->kind, WARD_NODE_FILE);
			CHECK_EQ_SIZE(found->source_len, strlen(found->source));
			CHECK_STR_EQ(found->source,
				"nameserver 198.18.0.1\noptions timeout:2 attempts:1\n");
		}
		ward_plan_free(p);
	}
}

/* Who asked for it may be gone, and its memory another's, when a plan is signed, printed and held. */
TEST(a_plan_keeps_nothing_of_its_input)
{
	struct ward_host h = full_host();
	struct ward_plan_input in = input(&h);
	struct ward_net_limits net = { { 7, 8, 9 } };
	char pattern[] = "api.example:443", text[] = "--cap NETWORK_CONNECT:api.example:443",
	     file[] = "caps";
	struct ward_rule rule = { .type = WARD_CAP_NETWORK_CONNECT,
		.pattern = pattern,
		.text = text,
		.net = &net,
		.origin = { .file = file } };
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_plan *p, *q;

	in.rules = &rule;
	in.n_rules = 1;
	p = must_build(&in);
	in.sign_later = true;
	q = must_build(&in);
	memset(&net, 0x5a, sizeof(net));
	memset(pattern, 'x', sizeof(pattern) - 1);
	memset(text, 'x', sizeof(text) - 1);
	memset(file, 'x', sizeof(file) - 1);
	memset(&rule, 0x5a, sizeof(rule));
	CHECK_EQ_INT(ward_plan_sign(q, &err), WARD_OK);
	CHECK_STR_EQ(q->sha256, p->sha256);
	CHECK_EQ_UINT(q->rules[0].net->v[1], 8);
	ward_plan_free(p);
	ward_plan_free(q);
}

TAP_MAIN();
