/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire between the gate (the supervisor: decides, resolves, dials, records) and ward-relay (musl, a process of its own,
 * without any right: accepts, reads what the sandbox sends, moves bytes). Messages of fixed size over a SEQPACKET pair, one a
 * packet; the relay may put up to WARD_RELAY_TOLD_MAX into one, in their order. The relay reads hostile bytes, so the gate takes
 * whatever the relay says for hostile, too: a message of another size, an unknown type, a flow that is not open, a name that is not
 * in its normal form end the relay.
 *
 * A flow: relay OPEN (or gate CLIENT, with what it accepted) -> gate DIALED (with the connected socket) or REFUSED; both ways are
 * read meanwhile, and what the client sent is held. relay SEEN, once the first bytes say what is spoken (or that they do not say)
 * -> gate PASS or REFUSED; what would be passed whatever the policies say (ward_spoken_passes()) the relay passes by itself from
 * DIALED on, and says so (WARD_SEEN_PASSED), a second later at the latest. relay CLOSED at its end, once, whoever ended it (after
 * REFUSED, too). What the server sends is passed on from DIALED on: protocols in which it speaks first work. TCP to port 53 is
 * never such a flow: its questions come as NAME. A name: relay NAME -> gate ANSWER. Who asks for it again soon is answered with the
 * same by the relay, which tells how often that was: NAME without an id. Inward: what a listener of the host's accepts is a flow,
 * too. It is judged and dialled (inside) as any, and nothing of it is held or SEEN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The program: started with `ward-relay ID` (relay/main.c). */
extern const unsigned char ward_relay_image[];
extern const size_t ward_relay_image_size;

#define WARD_RELAY_VERSION 9u
#define WARD_RELAY_TOLD_MAX 32
#define WARD_RELAY_NUMBER_MAX (UINT64_C(1) << 53) /* up, down: what every reader of a record has exactly */
#define WARD_RELAY_NAME_MAX 254 /* 253 bytes of labels of a-z, 0-9, "-" and "_", no trailing dot, and the NUL */

/*
 * Descriptors of ward-relay: it starts with the first, and behind it with one that is readable when the supervisor's process has ended
 * (ward_own_end()); the others, of the run's network namespace, come with WARD_GATE_SOCKET.
 */
#define WARD_RELAY_END 1
enum ward_relay_fd {
	WARD_RELAY_FD_CTL = 0,
	/*
	 * Listening, non-blocking. What nf_tables hands there (tproxy, no NAT) has the address that was dialled for its own:
	 * getsockname(). 127.0.0.1 and ::1 of an accepted socket mean that it came to the proxy (relay/proxy.h).
	 */
	WARD_RELAY_FD_TCP4,
	WARD_RELAY_FD_TCP6,
	WARD_RELAY_FD_UDP4, /* port 53, with IP_PKTINFO: questions to any address */
	WARD_RELAY_FD_UDP6,
	WARD_RELAY_FD_MAX
};

enum ward_relay_type {
	/* relay -> */
	WARD_RELAY_READY = 1, /* value = WARD_RELAY_VERSION, up = so many flows it can have; it is confined, and listens */
	WARD_RELAY_NAME, /* id, name, value = DNS type; id 0: up = how often it was asked again, and answered as before */
	/*
	 * id, to (where the client wanted to go), from, value = enum ward_relay_how. Of the proxy: name, or "" where an address is
	 * meant; to has the port. With WARD_OPEN_BAD what was asked is malformed; to is the proxy itself, and it will be refused.
	 * inward: 0, or 1 + which listener of the host's accepted it.
	 */
	WARD_RELAY_OPEN,
	/*
	 * id, value = enum ward_relay_spoken, name = of the first bytes, "" = none; with WARD_SEEN_PASSED: it went on. WARD_SEEN_SOME
	 * alone, once, of what DIALED did not let go without a word: it is not decided yet, and as far as it goes it is nothing that is
	 * known. May that much?
	 */
	WARD_RELAY_SEEN,
	WARD_RELAY_CLOSED, /* id, value = enum ward_relay_end, up, down */
	WARD_RELAY_LIMIT, /* value = enum ward_relay_limit, up = how often: what was turned away without a word to the gate */
	/* gate -> */
	WARD_GATE_ANSWER, /* id, value = DNS rcode; 0: v4, v6 are its addresses; all zero: it has none of that kind */
	/*
	 * id, + the connected socket, non-blocking, without delay; idle_ms, total_ms, up_max, down_max: 0 = no limit. value 1: what
	 * ward_spoken_passes() lets through may go without a word; name: what was connected to, "" = an address; to: the port that was
	 * dialled, 0 = as OPEN said. inward: the rule whose bytes it uses, 0 = none.
	 */
	WARD_GATE_DIALED,
	WARD_GATE_PASS, /* id: what was held may go; value 1: what WARD_SEEN_SOME told of, and more of that kind */
	/* id: reset the client. Who asked the proxy is answered: value = enum ward_relay_refusal, name = text for him */
	WARD_GATE_REFUSED,
	WARD_GATE_SOCKET, /* value = enum ward_relay_fd, + that descriptor; each once, before anything else */
	/*
	 * up_max, down_max of all flows of one rule together (value: which, 1 to WARD_EGRESS_BUDGETS_MAX), once, before the first of
	 * them; value 0: of all flows, once, before the sockets. 0 = no limit. id 1: that a flow is CLOSED may be told a little
	 * later (how it ended, and by no rule with limits: where those are counted nobody waits)
	 */
	WARD_GATE_LIMITS,
	WARD_GATE_INWARD, /* value: 0, 1, 2 ..., + a listening socket of the host's */
	/*
	 * from, to, + a connection from the inside that the gate accepted. id 0: what comes of it is the relay's to say, as if it had
	 * accepted it itself. Else the flow of that id (WARD_GATE_FLOW, of no other that is open), which the gate knows: no OPEN;
	 * and with the connected socket as a second descriptor all else as of DIALED.
	 */
	WARD_GATE_CLIENT,
	/*
	 * id of a question for a service: name, to.port, value = priority << 16 | weight of a server. Behind the last comes ANSWER,
	 * with up = 1 where nobody inside gets a longer one over TCP.
	 */
	WARD_GATE_SERVER
};
#define WARD_GATE_FLOW 0x80000000u /* of the ids that the gate chose; of a flow that the relay accepted it is not set */
/* How a connection came. */
enum ward_relay_how { WARD_HOW_CAPTURED = 0, WARD_HOW_CONNECT, WARD_HOW_PROXIED, WARD_HOW_SOCKS, WARD_HOW_MAX };
#define WARD_OPEN_BAD 0x100u
enum ward_relay_refusal {
	WARD_REFUSAL_RULE = 0, /* it may not be */
	WARD_REFUSAL_GRANT, /* nobody grants it: a capability would */
	WARD_REFUSAL_BUSY, /* too much at a time */
	WARD_REFUSAL_NO_HOST, /* the rest: the network outside is to blame */
	WARD_REFUSAL_NO_WAY,
	WARD_REFUSAL_SILENT,
	WARD_REFUSAL_MAX
};
/* What the first bytes of the client are. */
enum ward_relay_spoken {
	WARD_SPOKEN_UNKNOWN = 0, /* nothing that is known: opaque */
	WARD_SPOKEN_BROKEN, /* the beginning of something known, and then not: never to be passed */
	WARD_SPOKEN_TLS, /* name: of the ClientHello, "" = it has none; and again, where the server asked for another one */
	WARD_SPOKEN_TLS_ECH, /* name: the outer one; the inner one nobody can read */
	WARD_SPOKEN_HTTP, /* HTTP/1: name = Host, or of an absolute target */
	WARD_SPOKEN_HTTP2, /* without TLS: "" for the preface and its SETTINGS, and again with the :authority of the first request */
	WARD_SPOKEN_SSH,
	WARD_SPOKEN_POSTGRES, /* after SSLRequest what follows is looked at again, and said again */
	WARD_SPOKEN_MAX
};
#define WARD_RELAY_LOOKS_MAX 4 /* SEEN of one flow */
#define WARD_SEEN_PASSED 0x100u
#define WARD_SEEN_SOME 0x200u /* with WARD_SPOKEN_UNKNOWN, and no name */
enum ward_relay_end {
	WARD_END_DONE = 0, /* both sides closed */
	WARD_END_CLIENT, /* reset by the client */
	WARD_END_SERVER, /* reset by the server */
	WARD_END_REFUSED, /* by the gate */
	WARD_END_IDLE, /* idle_ms, or the first bytes did not come to an end in time */
	WARD_END_TIME, /* total_ms */
	WARD_END_BYTES_UP, /* up_max, of the flow or of all */
	WARD_END_MEMORY,
	WARD_END_BYTES_DOWN, /* down_max */
	WARD_END_HELD, /* too much waits to be judged, and this for the longest time */
	WARD_END_RULE_UP, /* up_max of its rule's */
	WARD_END_RULE_DOWN,
	WARD_END_MAX
};
enum ward_relay_limit {
	WARD_RELAY_LIMIT_FLOWS = 0,
	WARD_RELAY_LIMIT_NAMES,
	WARD_RELAY_LIMIT_NO_HOST, /* questions for what is no host's name, or that are none */
	WARD_RELAY_LIMIT_INWARD, /* from the host, more than one run takes */
	WARD_RELAY_LIMIT_MAX
};

struct ward_relay_addr {
	uint8_t family; /* 4, 6 */
	uint8_t pad;
	uint16_t port; /* host order */
	uint8_t a[16]; /* network order, the first four for 4 */
};
/* Of a service (RFC 2782); its name in normal form. */
struct ward_dns_server {
	uint16_t priority, weight, port;
	char name[WARD_RELAY_NAME_MAX + 2];
};
struct ward_relay_msg {
	uint32_t type;
	uint32_t id; /* of a flow or a question; unique while it is open, the relay's choice but for CLIENT */
	uint32_t value;
	uint32_t inward;
	struct ward_relay_addr to, from;
	uint8_t v4[4], v6[16];
	uint64_t up, down;
	uint64_t idle_ms, total_ms, up_max, down_max;
	char name[WARD_RELAY_NAME_MAX + 2]; /* ends with NUL, zero behind it */
};

/*
 * Does what was said pass by itself: nothing that names a host, or one that names what was connected to (meant, "" = an address)? No: a
 * policy has to be asked, or it never passes. Both sides keep to it; the relay holds the connected socket either way.
 */
static inline bool ward_spoken_passes(uint32_t what, const char *said, const char *meant)
{
	bool same = said[0] != '\0' && strcmp(said, meant) == 0;

	switch (what) {
	case WARD_SPOKEN_UNKNOWN:
	case WARD_SPOKEN_SSH:
	case WARD_SPOKEN_POSTGRES: return true;
	case WARD_SPOKEN_TLS:
	case WARD_SPOKEN_HTTP:
	case WARD_SPOKEN_HTTP2: return said[0] == '\0' || same;
	case WARD_SPOKEN_TLS_ECH: return same;
	default: return false;
	}
}
