/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What policy says of a flow between the parties in the scratch area. */
#pragma once

#include "party.h"

/* Why an endpoint's policy does not let a packet through, or 0. */
static __always_inline int refusal(policy_match match)
{
	if (!match)
		return DROP_POLICY_DENIED;
	if (match_is_deny(match))
		return DROP_POLICY_DENY;
	if ((match & MATCH_HOW) == MATCH_AUTH)
		return DROP_AUTH_REQUIRED;
	/* To pass it on unseen would be to ignore the rule's L7 part. */
	return (match & MATCH_HOW) == MATCH_NO_PROXY ? DROP_POLICY_DENIED : 0;
}

/* Which flows that pass are worth an event: those that name a rule, and audited ones. */
#define REPORT_PASSED 1
#define REPORT_NOTHING 0

/* The number under which who has a policy is reported. */
static __always_inline __u32 number_of(const struct party *subject)
{
	return cfg_host_endpoint && !subject->endpoint ? cfg_host_endpoint : subject->endpoint;
}

/* One endpoint's word; 0 or the reason of a drop. */
static __always_inline int ask(struct scratch *s, __u32 end, __u8 direction, __u32 l4, __u32 report)
{
	const struct party *subject = &s->party[end & 1];
	policy_match match;
	bool audited, redirected;
	int reason;

	if (!subject->policy)
		return 0;
	match = policy_lookup(subject->policy, &subject->own_shapes[direction & 1],
			      &subject->aggregate_shapes[direction & 1], s->party[(end & 1) ^ 1].identity,
			      l4 | (__u32)direction << L4_DIRECTION_SHIFT);
	reason = refusal(match);
	audited = reason && subject->flags & ENDPOINT_AUDITED;
	s->trace.direction = direction;
	s->trace.endpoint = number_of(subject);
	s->trace.cookie = match_cookie(match);
	redirected = !reason && (match & MATCH_HOW) == MATCH_REDIRECT;
	s->trace.verdict = audited      ? POLICY_VERDICT_AUDITED
			   : reason     ? POLICY_VERDICT_DENY
			   : redirected ? POLICY_VERDICT_REDIRECT
					: POLICY_VERDICT_ALLOW;
	if (reason && !audited)
		return reason;
	s->redirected |= (__u32)redirected << (direction & 1);
	if (report && (audited || s->trace.cookie))
		send_event(reason);
	return 0;
}

/* Which way the flow began: as the packet goes, or against it. */
#define FORWARD 0
#define REPLY 1

/* The flow's initiator may send, and its responder may be sent to. l4: protocol and the port that the
 * responder is asked at. 0, or the reason of a drop. Verified once: see scratch.h.
 */
__noinline int evaluate(__u32 reading, __u32 l4, __u32 report)
{
	struct scratch *s = scratch();
	__u32 initiator = reading == FORWARD ? SOURCE : DESTINATION;
	int reason;

	if (!s)
		return DROP_SCRATCH_MISSING;
	reason = ask(s, initiator, POLICY_EGRESS, l4, report);
	return reason ?: ask(s, !initiator, POLICY_INGRESS, l4, report);
}

/* The responder's port in a reading, which for ICMP is the type of what was asked. */
static __always_inline __u32 l4_of(const struct packet *p, __u32 reading)
{
	return pack_l4(0, p->protocol,
		       bpf_ntohs(reading == FORWARD ? p->destination_port : p->source_port));
}

/* Whether a policy's word depends on what a fragment does not tell. */
static __always_inline bool depends_on_ports(const struct party *subject, __u8 direction, __u8 family,
					     __u8 protocol)
{
	__u32 most = is_walked(family, protocol) ? SHAPE_ANYTHING : SHAPE_PROTOCOL;

	return subject->policy && !(subject->flags & ENDPOINT_AUDITED) &&
	       (looks_beyond(&subject->own_shapes[direction & 1], most) ||
		looks_beyond(&subject->aggregate_shapes[direction & 1], most));
}

/* One endpoint's word about a later fragment whose ports are unknown. */
static __always_inline int ask_orphan(struct scratch *s, __u32 end, __u8 direction)
{
	const struct party *subject = &s->party[end & 1];
	const struct packet *p = &s->packet[THIS_PACKET];

	if (depends_on_ports(subject, direction, p->family, p->fragment_protocol)) {
		s->trace.direction = direction;
		s->trace.endpoint = number_of(subject);
		return DROP_FRAGMENT_NOT_FOUND;
	}
	return ask(s, end, direction, pack_l4(0, p->fragment_protocol, 0), REPORT_NOTHING)
		       ? DROP_FRAGMENT_NOT_FOUND
		       : 0;
}

/* It passes where it would whatever its ports are. */
static __always_inline int evaluate_orphan(struct scratch *s)
{
	int reason = ask_orphan(s, SOURCE, POLICY_EGRESS) ?: ask_orphan(s, DESTINATION, POLICY_INGRESS);

	/* The proxy would not know whose it is. */
	return reason || !s->redirected ? reason : DROP_FRAGMENT_NOT_FOUND;
}

/* Ports that systems choose for clients, by default. */
#define EPHEMERAL_FIRST 32768
#define EPHEMERAL_LAST 60999

static __always_inline bool is_ephemeral(__u16 port)
{
	return port >= EPHEMERAL_FIRST && port <= EPHEMERAL_LAST;
}

#define NOBODY_KNOWS 2

/* Who began a TCP connection of which nothing is known: the end with a client's port, else the one with the
 * higher port, against the other. With equal ports nobody knows.
 */
static __always_inline __u32 presumed_reading(const struct packet *p)
{
	__u16 source = bpf_ntohs(p->source_port), destination = bpf_ntohs(p->destination_port);

	if (is_ephemeral(source) != is_ephemeral(destination))
		return is_ephemeral(source) ? FORWARD : REPLY;
	return source == destination ? NOBODY_KNOWS : source > destination ? FORWARD : REPLY;
}

/* How a segment of a connection of which nothing is known is read. */
static __always_inline __u32 midst_reading(const struct packet *p)
{
	return p->tcp_flags & TCP_SYN ? REPLY : presumed_reading(p);
}

/* A segment in the midst of a connection that is not known. *reading gets how it was read. */
static __always_inline int evaluate_midst(const struct packet *p, __u32 report, __u32 *reading)
{
	__u32 presumed = midst_reading(p);

	*reading = presumed == REPLY ? REPLY : FORWARD;
	if (presumed == NOBODY_KNOWS) {
		int reason = evaluate(REPLY, l4_of(p, REPLY), REPORT_NOTHING);

		if (reason)
			return reason;
	}
	return evaluate(*reading, l4_of(p, *reading), report);
}
