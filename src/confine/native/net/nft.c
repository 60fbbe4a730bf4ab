/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nf_tables over netlink, in one batch: what `nft -f` would be told as
 *
 *	table ip ward { chain in { type filter hook prerouting priority mangle;
 *		meta l4proto tcp ip daddr != 127.0.0.0/8 ip daddr != SELF tproxy to 127.0.0.1:PORT }
 *		chain out { type filter hook output priority filter;
 *		meta l4proto udp ip daddr != 127.0.0.0/8 ip daddr != SELF udp sport != 53 udp dport != 53 drop } }
 *
 * and the same for ip6. Each expression that is left out makes a start shorter: the kernel looks for it by its name. So an address is
 * loaded once and compared twice. The answers of a connection come in to loopback or to SELF, or to a socket that is connected already,
 * which the kernel finds before it looks for a listener. A datagram that is dropped on its way out fails for who sends it (EPERM), by
 * whatever call: QUIC goes on without, and no server inside hears what was sent to an address of others.
 */
#define _GNU_SOURCE
#include "confine/native/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#define TABLE "ward"
#define DNS_PORT 53
#define SPORT_AT 0
#define DPORT_AT 2 /* in the header of UDP */

static const struct chain {
	const char *name;
	uint32_t hook;
	int32_t priority;
} chain_in = { "in", NF_INET_PRE_ROUTING, -150 /* mangle: before anything is delivered */ },
  chain_out = { "out", NF_INET_LOCAL_OUT, 0 };

/* What differs. */
struct family {
	uint8_t nfproto;
	uint8_t at, n; /* the destination in the header, and its size */
	uint8_t n_loopback; /* so many bytes of it are those of loopback */
	uint8_t loopback[16], self[16];
};
static const struct family families[2] = {
	{ NFPROTO_IPV4, 16, 4, 1, { 127, 0, 0, 1 }, WARD_SELF4 },
	{ NFPROTO_IPV6, 24, 16, 16, { [15] = 1 }, WARD_SELF6 },
};

static void begin(struct ward_nl *nl, unsigned subsystem, unsigned type, unsigned flags,
	uint8_t family, uint16_t id)
{
	struct nfgenmsg g = {
		.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(id)
	};

	ward_nl_begin(nl, subsystem << 8 | type, flags, &g, sizeof(g));
}

/* Not acknowledged each: a batch is done as a whole or not at all, and what is refused of it is told whatever was asked for. */
static void begin_new(struct ward_nl *nl, unsigned type, unsigned flags, const struct family *f)
{
	begin(nl, NFNL_SUBSYS_NFTABLES, type, NLM_F_CREATE | flags, f->nfproto, 0);
}

static void put_batch(struct ward_nl *nl, unsigned type)
{
	begin(nl, 0, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	ward_nl_end(nl);
}

/* ---- expressions: each is an element of the rule's list, with a name and its own attributes ---- */
struct expression {
	size_t element, data;
};

static struct expression open_expression(struct ward_nl *nl, const char *name)
{
	struct expression e = { .element = ward_nl_nest(nl, NFTA_LIST_ELEM) };

	ward_nl_text(nl, NFTA_EXPR_NAME, name);
	e.data = ward_nl_nest(nl, NFTA_EXPR_DATA);
	return e;
}

static void close_expression(struct ward_nl *nl, struct expression e)
{
	ward_nl_nest_end(nl, e.data);
	ward_nl_nest_end(nl, e.element);
}

static void put_value(struct ward_nl *nl, unsigned type, const void *v, size_t n)
{
	size_t nest = ward_nl_nest(nl, type);

	ward_nl_put(nl, NFTA_DATA_VALUE, v, n);
	ward_nl_nest_end(nl, nest);
}

static void compare(struct ward_nl *nl, enum nft_cmp_ops op, const void *v, size_t n)
{
	struct expression e = open_expression(nl, "cmp");

	ward_nl_put32(nl, NFTA_CMP_SREG, NFT_REG_1);
	ward_nl_put32(nl, NFTA_CMP_OP, op);
	put_value(nl, NFTA_CMP_DATA, v, n);
	close_expression(nl, e);
}

static void load_protocol(struct ward_nl *nl)
{
	struct expression e = open_expression(nl, "meta");

	ward_nl_put32(nl, NFTA_META_DREG, NFT_REG_1);
	ward_nl_put32(nl, NFTA_META_KEY, NFT_META_L4PROTO);
	close_expression(nl, e);
}

static void load_destination(struct ward_nl *nl, const struct family *f)
{
	struct expression e = open_expression(nl, "payload");

	ward_nl_put32(nl, NFTA_PAYLOAD_DREG, NFT_REG_1);
	ward_nl_put32(nl, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	ward_nl_put32(nl, NFTA_PAYLOAD_OFFSET, f->at);
	ward_nl_put32(nl, NFTA_PAYLOAD_LEN, f->n);
	close_expression(nl, e);
}

static void load_port(struct ward_nl *nl, uint32_t at)
{
	struct expression e = open_expression(nl, "payload");

	ward_nl_put32(nl, NFTA_PAYLOAD_DREG, NFT_REG_1);
	ward_nl_put32(nl, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	ward_nl_put32(nl, NFTA_PAYLOAD_OFFSET, at);
	ward_nl_put32(nl, NFTA_PAYLOAD_LEN, 2);
	close_expression(nl, e);
}

static void drop(struct ward_nl *nl)
{
	struct expression e = open_expression(nl, "immediate");
	size_t data, verdict;

	ward_nl_put32(nl, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = ward_nl_nest(nl, NFTA_IMMEDIATE_DATA);
	verdict = ward_nl_nest(nl, NFTA_DATA_VERDICT);
	ward_nl_put32(nl, NFTA_VERDICT_CODE, NF_DROP);
	ward_nl_nest_end(nl, verdict);
	ward_nl_nest_end(nl, data);
	close_expression(nl, e);
}

static void load_value(struct ward_nl *nl, uint32_t reg, const void *v, size_t n)
{
	struct expression e = open_expression(nl, "immediate");

	ward_nl_put32(nl, NFTA_IMMEDIATE_DREG, reg);
	put_value(nl, NFTA_IMMEDIATE_DATA, v, n);
	close_expression(nl, e);
}

static void hand_to_listener(struct ward_nl *nl, const struct family *f)
{
	const uint16_t port = htons(WARD_CAPTURE_PORT);
	struct expression e;

	load_value(nl, NFT_REG_1, f->loopback, f->n);
	load_value(nl, NFT_REG_2, &port, sizeof(port));
	e = open_expression(nl, "tproxy");
	ward_nl_put32(nl, NFTA_TPROXY_FAMILY, f->nfproto);
	ward_nl_put32(nl, NFTA_TPROXY_REG_ADDR, NFT_REG_1);
	ward_nl_put32(nl, NFTA_TPROXY_REG_PORT, NFT_REG_2);
	close_expression(nl, e);
}

/* ---- table, chain, rule ---- */
static void put_table(struct ward_nl *nl, const struct family *f)
{
	begin_new(nl, NFT_MSG_NEWTABLE, NLM_F_EXCL, f);
	ward_nl_text(nl, NFTA_TABLE_NAME, TABLE);
	ward_nl_end(nl);
}

static void put_chain(struct ward_nl *nl, const struct family *f, const struct chain *c)
{
	size_t hook;

	begin_new(nl, NFT_MSG_NEWCHAIN, NLM_F_EXCL, f);
	ward_nl_text(nl, NFTA_CHAIN_TABLE, TABLE);
	ward_nl_text(nl, NFTA_CHAIN_NAME, c->name);
	hook = ward_nl_nest(nl, NFTA_CHAIN_HOOK);
	ward_nl_put32(nl, NFTA_HOOK_HOOKNUM, c->hook);
	ward_nl_put32(nl, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	ward_nl_nest_end(nl, hook);
	ward_nl_text(nl, NFTA_CHAIN_TYPE, "filter");
	ward_nl_end(nl);
}

/* What is of that protocol, and neither to loopback nor to the run itself: up to what becomes of it. */
static size_t begin_rule(struct ward_nl *nl, const struct family *f, const struct chain *c,
	uint8_t protocol, bool last)
{
	size_t list;

	begin_new(nl, NFT_MSG_NEWRULE, NLM_F_APPEND | (last ? NLM_F_ACK : 0), f);
	ward_nl_text(nl, NFTA_RULE_TABLE, TABLE);
	ward_nl_text(nl, NFTA_RULE_CHAIN, c->name);
	list = ward_nl_nest(nl, NFTA_RULE_EXPRESSIONS);
	load_protocol(nl);
	compare(nl, NFT_CMP_EQ, &protocol, sizeof(protocol));
	/* Of loopback the first bytes alone are compared. */
	load_destination(nl, f);
	compare(nl, NFT_CMP_NEQ, f->loopback, f->n_loopback);
	compare(nl, NFT_CMP_NEQ, f->self, f->n);
	return list;
}

static void end_rule(struct ward_nl *nl, size_t list)
{
	ward_nl_nest_end(nl, list);
	ward_nl_end(nl);
}

static void put_tcp(struct ward_nl *nl, const struct family *f)
{
	size_t list = begin_rule(nl, f, &chain_in, IPPROTO_TCP, false);

	hand_to_listener(nl, f);
	end_rule(nl, list);
}

/* Questions for names, and their answers, are all of UDP that there is. */
static void put_udp(struct ward_nl *nl, const struct family *f, bool last)
{
	const uint16_t dns = htons(DNS_PORT);
	size_t list = begin_rule(nl, f, &chain_out, IPPROTO_UDP, last);

	load_port(nl, SPORT_AT);
	compare(nl, NFT_CMP_NEQ, &dns, sizeof(dns));
	load_port(nl, DPORT_AT);
	compare(nl, NFT_CMP_NEQ, &dns, sizeof(dns));
	drop(nl);
	end_rule(nl, list);
}

int ward_nft_capture(struct ward_nl *nft, int six)
{
	put_batch(nft, NFNL_MSG_BATCH_BEGIN);
	for (int i = 0; i < (six ? 2 : 1); i++) {
		put_table(nft, &families[i]);
		put_chain(nft, &families[i], &chain_in);
		put_tcp(nft, &families[i]);
		put_chain(nft, &families[i], &chain_out);
		put_udp(nft, &families[i], i == (six ? 1 : 0));
	}
	put_batch(nft, NFNL_MSG_BATCH_END);
	return ward_nl_run(nft);
}
