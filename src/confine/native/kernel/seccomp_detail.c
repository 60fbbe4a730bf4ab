/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp, words for the record: what the arguments of a refused call say. Tables of names; numbers without a name
 * are printed as numbers. Text only: nothing here has a say in what happens, and no pointer is followed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "confine/native/seccomp.h"
#include "confine/native/kernel/seccomp_table.h"

struct name {
	uint32_t value;
	const char *text;
};

static const struct name families[] = {
	{ 0, "AF_UNSPEC" },
	{ 1, "AF_UNIX" },
	{ 2, "AF_INET" },
	{ 3, "AF_AX25" },
	{ 4, "AF_IPX" },
	{ 5, "AF_APPLETALK" },
	{ 6, "AF_NETROM" },
	{ 9, "AF_X25" },
	{ 10, "AF_INET6" },
	{ 11, "AF_ROSE" },
	{ 15, "AF_KEY" },
	{ 16, "AF_NETLINK" },
	{ 17, "AF_PACKET" },
	{ 21, "AF_RDS" },
	{ 23, "AF_IRDA" },
	{ 24, "AF_PPPOX" },
	{ 26, "AF_LLC" },
	{ 27, "AF_IB" },
	{ 28, "AF_MPLS" },
	{ 29, "AF_CAN" },
	{ 30, "AF_TIPC" },
	{ 31, "AF_BLUETOOTH" },
	{ 33, "AF_RXRPC" },
	{ 35, "AF_PHONET" },
	{ 36, "AF_IEEE802154" },
	{ 37, "AF_CAIF" },
	{ 38, "AF_ALG" },
	{ 39, "AF_NFC" },
	{ 40, "AF_VSOCK" },
	{ 41, "AF_KCM" },
	{ 42, "AF_QIPCRTR" },
	{ 43, "AF_SMC" },
	{ 44, "AF_XDP" },
	{ 45, "AF_MCTP" },
};
static const struct name types[] = {
	{ 1, "SOCK_STREAM" },
	{ 2, "SOCK_DGRAM" },
	{ 3, "SOCK_RAW" },
	{ 4, "SOCK_RDM" },
	{ 5, "SOCK_SEQPACKET" },
	{ 6, "SOCK_DCCP" },
	{ 10, "SOCK_PACKET" },
};
static const struct name protocols[] = {
	{ 1, "IPPROTO_ICMP" },
	{ 6, "IPPROTO_TCP" },
	{ 17, "IPPROTO_UDP" },
	{ 33, "IPPROTO_DCCP" },
	{ 58, "IPPROTO_ICMPV6" },
	{ 132, "IPPROTO_SCTP" },
	{ 136, "IPPROTO_UDPLITE" },
	{ 255, "IPPROTO_RAW" },
	{ 256, "IPPROTO_SMC" },
	{ 262, "IPPROTO_MPTCP" },
};
static const struct name namespaces[] = {
	{ 0x00000080, "CLONE_NEWTIME" },
	{ 0x00020000, "CLONE_NEWNS" },
	{ 0x02000000, "CLONE_NEWCGROUP" },
	{ 0x04000000, "CLONE_NEWUTS" },
	{ 0x08000000, "CLONE_NEWIPC" },
	{ 0x10000000, "CLONE_NEWUSER" },
	{ 0x20000000, "CLONE_NEWPID" },
	{ 0x40000000, "CLONE_NEWNET" },
};
static const struct name traces[] = {
	{ 0, "PTRACE_TRACEME" },
	{ 1, "PTRACE_PEEKTEXT" },
	{ 2, "PTRACE_PEEKDATA" },
	{ 4, "PTRACE_POKETEXT" },
	{ 5, "PTRACE_POKEDATA" },
	{ 16, "PTRACE_ATTACH" },
	{ 0x4206, "PTRACE_SEIZE" },
};

struct text {
	char *s;
	size_t n, size;
};

static void add(struct text *t, const char *fmt, ...) WARD_PRINTF(2, 3);
static void add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->n + 2 >= t->size)
		return;
	if (t->n)
		t->s[t->n++] = ' ';
	va_start(ap, fmt);
	n = vsnprintf(t->s + t->n, t->size - t->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->n += (size_t)n < t->size - t->n ? (size_t)n : t->size - t->n - 1;
}

static void add_name(struct text *t, const struct name *names, size_t n, uint32_t value,
	const char *prefix)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i].value == value) {
			add(t, "%s", names[i].text);
			return;
		}
	}
	add(t, "%s%u", prefix, value);
}
#define ADD_NAME(t, table, value, prefix) add_name(t, table, WARD_ARRAY_SIZE(table), value, prefix)

static void socket_detail(struct text *t, const struct seccomp_data *d)
{
	uint32_t family = (uint32_t)d->args[0], protocol = (uint32_t)d->args[2];

	ADD_NAME(t, families, family, "family ");
	ADD_NAME(t, types, (uint32_t)d->args[1] & 0xf, "type ");
	if (protocol && (family == 2 || family == 10))
		ADD_NAME(t, protocols, protocol, "protocol ");
	else if (protocol || family == AF_NETLINK) /* there 0 is a protocol, NETLINK_ROUTE */
		add(t, "protocol %u", protocol);
}

static void namespace_detail(struct text *t, uint32_t flags, bool is_clone)
{
	/* The low byte of clone's flags is a signal: CLONE_NEWTIME lies in it. */
	uint32_t left = is_clone ? flags & ~0xffu : flags;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(namespaces); i++) {
		if (left & namespaces[i].value)
			add(t, "%s", namespaces[i].text);
	}
	if (!t->n && !is_clone)
		add(t, "%#x", flags);
}

static void ptrace_detail(struct text *t, const struct seccomp_data *d)
{
	ADD_NAME(t, traces, (uint32_t)d->args[0], "request ");
}

static void clone_detail(struct text *t, const struct seccomp_data *d)
{
	namespace_detail(t, (uint32_t)d->args[0], true);
}

static void unshare_detail(struct text *t, const struct seccomp_data *d)
{
	namespace_detail(t, (uint32_t)d->args[0], false);
}

static void setns_detail(struct text *t, const struct seccomp_data *d)
{
	if ((uint32_t)d->args[1])
		namespace_detail(t, (uint32_t)d->args[1], false);
}

static void personality_detail(struct text *t, const struct seccomp_data *d)
{
	add(t, "%#x", (uint32_t)d->args[0]);
}

static const struct {
	const char *name;
	void (*fn)(struct text *t, const struct seccomp_data *d);
} details[] = {
	{ "socket", socket_detail },
	{ "socketpair", socket_detail },
	{ "clone", clone_detail },
	{ "unshare", unshare_detail },
	{ "setns", setns_detail },
	{ "ptrace", ptrace_detail },
	{ "personality", personality_detail },
};

const char *ward_seccomp_detail(const struct seccomp_data *d, const struct ward_seccomp_verdict *v,
	char *out, size_t size)
{
	struct text t = { out, 0, size };

	if (!size)
		return out;
	out[0] = 0;
	if (v->verb == WARD_SECCOMP_FOREIGN) {
		if (d->arch == ward_seccomp_arch)
			add(&t, "x32 call %u", (uint32_t)d->nr & ~0x40000000u);
		else
			add(&t, "architecture %#x call %u", d->arch, (uint32_t)d->nr);
		return out;
	}
	if (v->detail[0]) {
		add(&t, "%s", v->detail);
		return out;
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(details); i++) {
		if (!strcmp(v->name, details[i].name))
			details[i].fn(&t, d);
	}
	return out;
}
