/* SPDX-License-Identifier: Apache-2.0 */
/* The host's proxy: which it is, what is spared it, and what of its answers is one. And who is told to ask it for itself. */
#include "egress_gate_util.h"

#include "egress/upstream/upstream.h"

static struct ward_upstream *made(struct ward_arena *a, const char *url, const char *direct)
{
	struct ward_error err = WARD_ERROR_INIT;
	struct ward_upstream *u = ward_upstream_new(a);

	if (!u || ward_upstream_set(u, url, "here", &err) < 0 ||
		(direct && ward_upstream_spare(u, direct, false, "here", &err) < 0))
		return NULL;
	return u;
}

TEST(which_it_is)
{
	static const struct {
		const char *url, *text, *login;
	} rows[] = {
		{ "http://proxy.example:3128", "proxy.example:3128", NULL },
		{ "HTTP://Proxy.Example.:3128/", "proxy.example:3128", NULL },
		{ "proxy:1", "proxy:1", NULL },
		{ "http://[2001:DB8::1]:80", "[2001:db8::1]:80", NULL },
		{ "http://u:p@192.0.2.1:65535", "192.0.2.1:65535", "dTpw" },
		{ "http://u@192.0.2.1:1", "192.0.2.1:1", "dTo=" },
		{ "http://u:p%40@:x@192.0.2.1:1", "192.0.2.1:1", "dTpwQEA6eA==" },
		{ "http://proxy", NULL, NULL },
		{ "http://proxy:", NULL, NULL },
		{ "http://:80", NULL, NULL },
		{ "http://proxy:80x", NULL, NULL },
		{ "http://proxy:080000", NULL, NULL },
		{ "http://proxy:80/path", NULL, NULL },
		{ "http://0x7f.1:80", NULL, NULL },
		{ "http://a b:80", NULL, NULL },
		{ "http://@proxy:80", NULL, NULL },
		{ "http://:p@proxy:80", NULL, NULL },
		{ "http://u%3Ax:p@proxy:80", NULL, NULL },
		{ "http://u:p%@proxy:80", NULL, NULL },
		{ "http://u:p%4@proxy:80", NULL, NULL },
		{ "http://u:p%0d%0aX@proxy:80", NULL, NULL },
		{ "http://u:p%00@proxy:80", NULL, NULL },
		{ "https://proxy:80", NULL, NULL },
		{ "socks5h://proxy:80", NULL, NULL },
		{ "http://[::1:80", NULL, NULL },
		{ "http://[::1]80", NULL, NULL },
		{ "", NULL, NULL },
	};
	struct ward_arena *a = ward_arena_new(0);

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_upstream *u = made(a, rows[i].url, NULL);

		CHECK_STR_EQ(u ? ward_upstream_text(u) : "", rows[i].text ? rows[i].text : "");
		CHECK_STR_EQ(u && u->login ? u->login : "", rows[i].login ? rows[i].login : "");
	}
	ward_arena_free(a);
}

TEST(no_message_has_any_of_it)
{
	static const char *const urls[] = { "http://secret:secret@", "http://secret:%@proxy:1",
		"http://u:secret@proxy:1/secret", "https://u:secret@proxy:1",
		"http://u:secret@secret" };
	struct ward_arena *a = ward_arena_new(0);

	for (size_t i = 0; i < WARD_ARRAY_SIZE(urls); i++) {
		struct ward_upstream *u = made(a, "http://u:p@proxy:1", NULL);
		struct ward_error err = WARD_ERROR_INIT;

		REQUIRE(u);
		CHECK_EQ_INT(ward_upstream_set(u, urls[i], "here", &err), WARD_E_INVALID);
		CHECK(!strstr(err.message, "secret") && !strstr(err.fix, "secret"));
		/* And nothing has changed. */
		CHECK_STR_EQ(u->text, "proxy:1");
		CHECK_STR_EQ(u->login, "dTpw");
		ward_upstream_forget(u);
		CHECK(!u->login);
	}
	ward_arena_free(a);
}

TEST(what_is_spared)
{
	static const struct {
		const char *list, *host;
		uint16_t port;
		bool takes;
	} rows[] = {
		{ "", "a.example", 443, true },
		{ "*", "a.example", 443, false },
		{ "*", "192.0.2.1", 443, false },
		{ "example", "a.example", 443, false },
		{ "a.example", "a.example", 443, false },
		{ "a.example", "b.a.example", 443, false },
		{ "a.example", "ba.example", 443, true },
		{ ".a.example", "a.example", 443, false },
		{ "*.a.example", "b.a.example", 443, false },
		{ "x , a.example:443", "a.example", 443, false },
		{ "a.example:443", "a.example", 80, true },
		{ "a.example:443", "a.example", 0, true },
		{ "A.Example.", "a.example", 0, false },
		{ "192.0.2.0/25", "192.0.2.127", 443, false },
		{ "192.0.2.0/25", "192.0.2.128", 443, true },
		{ "0.0.0.0/0", "192.0.2.128", 443, false },
		{ "0.0.0.0/0", "2001:db8::1", 443, true },
		{ "0.0.0.0/0", "a.example", 443, true },
		{ "192.0.2.1", "192.0.2.1", 443, false },
		{ "192.0.2.1:80", "192.0.2.1", 443, true },
		{ "[2001:db8::1]:443", "2001:db8::1", 443, false },
		{ "2001:db8::/33", "2001:db8:7fff::1", 443, false },
		{ "2001:db8::/33", "2001:db8:8000::1", 443, true },
		{ "example", "host.ward.internal", 443, false },
	};
	static const char *const bad[] = { "a..b", "192.0.2.0/33", "192.0.2.0/", "/8", "<local>",
		"192.168.*", "x:0", "x:", "[::1", "a/8", "*.*" };
	struct ward_arena *a = ward_arena_new(0);
	struct ward_upstream *u;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		struct ward_relay_addr at = { .port = rows[i].port };
		bool takes;

		u = made(a, "http://proxy:1", rows[i].list);
		REQUIRE(u);
		takes = ward_address_parse(rows[i].host, strlen(rows[i].host), &at)
			? ward_upstream_takes_address(u, &at)
			: ward_upstream_takes(u, rows[i].host, rows[i].port);
		CHECK_EQ_INT(takes ? (int)i : -1, rows[i].takes ? (int)i : -1);
	}
	for (size_t i = 0; i < WARD_ARRAY_SIZE(bad); i++)
		CHECK(!made(a, "http://proxy:1", bad[i]));
	/* The environment's list counts where nothing else was said, whichever came first. */
	u = made(a, "http://proxy:1", NULL);
	REQUIRE(u && ward_upstream_spare(u, "a.example", true, "NO_PROXY", NULL) == WARD_OK);
	CHECK(!ward_upstream_takes(u, "a.example", 443) && !ward_upstream_spares(u));
	REQUIRE(ward_upstream_spare(u, "b.example", false, "", NULL) == WARD_OK);
	REQUIRE(ward_upstream_spare(u, "c.example", false, "", NULL) == WARD_OK);
	CHECK(ward_upstream_takes(u, "a.example", 443) && ward_upstream_spares(u));
	CHECK(!ward_upstream_takes(u, "b.example", 443) &&
		!ward_upstream_takes(u, "c.example", 443));
	CHECK(!ward_upstream_takes(NULL, "a.example", 443) &&
		!ward_upstream_takes(ward_upstream_new(a), "a.example", 443));
	ward_arena_free(a);
}

TEST(its_answers)
{
	static const struct {
		const char *text;
		int status;
		size_t end;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", 200, 19 },
		{ "HTTP/1.1 200 OK\r\n\r\nmore", 200, 19 },
		{ "HTTP/1.0 407\r\nA: b\r\n\r\n", 407, 22 },
		{ "HTTP/1.1 100 \r\n\r\n", 100, 17 },
		{ "H", 0, 0 },
		{ "HTTP/1.1 200 OK\r\n\r", 0, 0 },
		{ "HTTP/1.1 200 OK\n\n", 200, 17 },
		{ "HTTP/1.1 200\nA: b\n\nmore", 200, 19 },
		{ "HTTP/1.1 200 OK\n\r\n\r\n", 200, 18 },
		{ "HTTP/1.1 200 OK\r\nA: b\n\r", 0, 0 },
		{ "HTTP/1.1 200 OK\n", 0, 0 },
		{ "X", -1, 0 },
		{ "http/1.1 200 OK\r\n\r\n", -1, 0 },
		{ "HTTP/2.0 200 OK\r\n\r\n", -1, 0 },
		{ "HTTP/1.2 200 OK\r\n\r\n", -1, 19 },
		{ "HTTP/1.1  200 OK\r\n\r\n", -1, 20 },
		{ "HTTP/1.1 2000 OK\r\n\r\n", -1, 20 },
		{ "HTTP/1.1 20 OK\r\n\r\n", -1, 18 },
		{ "HTTP/1.1 000 OK\r\n\r\n", -1, 19 },
		{ "HTTP/1.1\r\n\r\n", -1, 12 },
		{ "HTTP/1.\r\n\r\n", -1, 11 },
	};
	size_t end;

	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		CHECK_EQ_INT(ward_tunnel_status(rows[i].text, strlen(rows[i].text), &end),
			rows[i].status);
		CHECK_EQ_INT(end, rows[i].end);
	}
	CHECK_EQ_INT(ward_tunnel_status("HTTP/1.1 200 \0\r\n\r\n", 18, &end), -1);
}

/* The relay names no such name, but one that somebody has taken over does: by a proxy that is the proxy itself. */
TEST(nobody_is_asked_for_himself)
{
	static const char *const names[] = { "localhost", "x.localhost" };
	static const uint8_t none[4];
	struct ward_arena *a = ward_arena_new(0);
	struct ward_relay_msg m, open = opened(7, none);

	begin();
	ready();
	t.e->upstream = made(a, "http://192.0.2.1:1", NULL);
	REQUIRE(t.e->upstream);
	t.any_name = true;
	for (size_t i = 0; i < WARD_ARRAY_SIZE(names); i++) {
		open.id = 7 + (uint32_t)i;
		open.to.port = 443;
		open.value = WARD_HOW_CONNECT;
		memset(open.name, 0, sizeof(open.name));
		memcpy(open.name, names[i], strlen(names[i]));
		say(&open);
		REQUIRE(hear(&m, NULL) == 1);
		CHECK(m.type == WARD_GATE_REFUSED);
		CHECK_STR_EQ(m.name, "unreachable: no connection could be made");
	}
	CHECK(told(WARD_EGRESS_BLOCK, "upstream_inner"));
	CHECK_EQ_INT(serve("127.0.0.1"), 0);
	end();
	ward_arena_free(a);
}

static struct ward_resolv_conf conf_of(const char *text)
{
	struct ward_resolv_conf c;

	ward_resolv_conf_parse(text, strlen(text), &c);
	return c;
}

TEST(a_short_name_is_completed_as_the_host_would)
{
	static const struct {
		const char *url, *conf, *names;
	} rows[] = {
		{ "proxy:1", "", "proxy " },
		{ "proxy:1", "search corp.example b", "proxy.corp.example proxy.b proxy " },
		{ "proxy.:1", "search corp.example", "proxy " },
		{ "proxy.dmz:1", "search corp.example", "proxy.dmz proxy.dmz.corp.example " },
		{ "proxy.dmz:1", "search corp.example\noptions ndots:2",
			"proxy.dmz.corp.example proxy.dmz " },
		{ "proxy:1", "search corp.example\noptions ndots:0", "proxy proxy.corp.example " },
	};
	struct ward_arena *a = ward_arena_new(0);

	begin();
	for (size_t i = 0; i < WARD_ARRAY_SIZE(rows); i++) {
		const struct ward_resolv_conf c = conf_of(rows[i].conf);
		char names[256] = "";

		CASE("%zu", i);
		t.e->upstream = made(a, rows[i].url, NULL);
		REQUIRE(t.e->upstream && ward_tunnel_names(t.e, &c));
		for (const struct ward_pinned *p = t.e->upstream_pins; p; p = p->next)
			(void)snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
				p->name);
		CHECK_STR_EQ(names, rows[i].names);
		ward_tunnel_names_done(t.e);
	}
	end();
	ward_arena_free(a);
}

/* The proxy is the test's own server; its answer is never given. */
static struct ward_relay_msg asked(uint32_t id)
{
	static const uint8_t none[4];
	struct ward_relay_msg m = opened(id, none);

	m.to.port = 443;
	m.value = WARD_HOW_CONNECT;
	memcpy(m.name, "good.example", sizeof("good.example"));
	return m;
}

static struct ward_upstream *at_server(struct ward_arena *a, const char *host)
{
	char url[64];

	(void)snprintf(url, sizeof(url), "%s:%u", host, t.port);
	return made(a, url, NULL);
}

TEST(who_waits_for_the_proxys_answer_keeps_nobody_from_being_dialled)
{
	struct ward_arena *a = ward_arena_new(0);
	struct ward_relay_msg m = asked(7), closed = { .type = WARD_RELAY_CLOSED, .id = 7 };

	begin();
	ready();
	t.any_name = true;
	t.e->upstream = at_server(a, "127.0.0.1");
	REQUIRE(t.e->upstream);
	say(&m);
	for (int i = 0; i < 20 && t.e->n_tunnels == 0; i++)
		turn();
	CHECK_EQ_INT(t.e->n_tunnels, 1);
	CHECK_EQ_INT(t.e->n_dials, 0);
	/* Where too many are asked, the next counts as before. */
	t.e->n_tunnels = WARD_EGRESS_TUNNELS_MAX;
	m.id = 8;
	say(&m);
	for (int i = 0; i < 4; i++)
		turn();
	CHECK_EQ_INT(t.e->n_tunnels, WARD_EGRESS_TUNNELS_MAX);
	CHECK_EQ_INT(t.e->n_dials, 1);
	t.e->n_tunnels = 1;
	say(&closed);
	closed.id = 8;
	say(&closed);
	CHECK_EQ_INT(t.e->n_tunnels, 0);
	CHECK_EQ_INT(t.e->n_dials, 0);
	end();
	ward_arena_free(a);
}

/* Answers A of proxy.corp.example, and that there is no other name. */
static void serve_short(void)
{
	static const char name[] = "\5proxy\4corp\7example";
	static const uint8_t rr[16] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1 };
	struct pollfd p = { t.dns, POLLIN, 0 };
	uint8_t q[512];
	struct sockaddr_in from;
	socklen_t n_from = sizeof(from);

	while (poll(&p, 1, 0) > 0) {
		ssize_t n = recvfrom(t.dns, q, 256, 0, (struct sockaddr *)&from, &n_from);
		size_t end_q = 12 + strlen((char *)q + 12) + 1 + 4;
		bool is = memcmp(q + 12, name, sizeof(name)) == 0, found = is && q[end_q - 3] == 1;

		if (n < 20)
			continue;
		q[2] = 0x81;
		q[3] = is ? 0x80 : 0x83;
		q[7] = found;
		q[11] = 0;
		memcpy(q + end_q, rr, sizeof(rr));
		(void)sendto(t.dns, q, end_q + (found ? sizeof(rr) : 0), 0,
			(struct sockaddr *)&from, n_from);
	}
}

TEST(and_is_asked_by_the_name_that_there_is)
{
	const struct ward_resolv_conf c = conf_of("search none.example corp.example");
	struct ward_arena *a = ward_arena_new(0);
	const struct ward_relay_msg m = asked(7);

	begin();
	ready();
	t.any_name = true;
	t.e->resolver.hosts_file = "/nonexistent";
	t.e->upstream = at_server(a, "proxy");
	REQUIRE(t.e->upstream && ward_tunnel_names(t.e, &c));
	say(&m);
	for (int i = 0; i < 100 && t.e->n_tunnels == 0 && t.n_told < 2; i++) {
		serve_short();
		turn();
	}
	CHECK_EQ_INT(t.e->n_tunnels, 1);
	CHECK(!told(WARD_EGRESS_BLOCK, "upstream_unreachable"));
	end();
	ward_arena_free(a);
}

TAP_MAIN();
