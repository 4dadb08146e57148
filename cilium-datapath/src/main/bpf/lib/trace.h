/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Events of packets that pass. Of a flow those are told with which it begins, is answered for the first time,
 * and ends: whoever looks on sees each flow, and the others cost nothing. If asked for, one is told in each
 * interval in which the flow goes on, or every one.
 */
#pragma once

#include "deliver.h"
#include "partner.h"

/* Where a packet goes, in the numbers of Cilium's monitor. */
#define TRACE_TO_ENDPOINT 0
#define TRACE_TO_PROXY 1
#define TRACE_TO_STACK 3
#define TRACE_TO_OVERLAY 4

/* What became of its flow, in these numbers too. */
#define TRACE_NEW 0
#define TRACE_ESTABLISHED 1
#define TRACE_REPLY 2
#define TRACE_NOTHING 5

/* What an entry learned from a packet. */
static __always_inline __u32 life_of(__u16 before, const struct ct_entry *entry, __u32 sender)
{
	if (!cfg_trace_all && !((before ^ entry->flags) & CT_LIFE))
		return TRACE_NOTHING;
	return ct_began_at(entry, sender) ? TRACE_ESTABLISHED : TRACE_REPLY;
}

/* Whether a packet is the first of its flow in an interval. Its entry, whose lifetime is as before, tells when the
 * last one came: an entry expires so long after it.
 */
static __always_inline bool is_sampled(const struct scratch *s, const struct ct_entry *entry)
{
	__u32 last;

	if (!cfg_trace_interval)
		return false;
	last = s->now - (entry->expires - s->expires_before);
	return last / cfg_trace_interval != s->now / cfg_trace_interval;
}

/* Tells of the packet in the scratch area, whose ends stand there too. It is seen at the receiver's end if that
 * is a local endpoint, else at the sender's; the direction is that in which the flow began. Verified once: see
 * scratch.h.
 */
__noinline int trace_passed(__u32 life)
{
	struct scratch *s = scratch();
	bool arrives = false;
	__u8 point;

	if (!s || life == TRACE_NOTHING)
		return 0;
	if (s->to.ifindex == PLACE_STACK) {
		point = TRACE_TO_STACK;
	} else if (s->to.ifindex == PLACE_OVERLAY) {
		point = TRACE_TO_OVERLAY;
	} else if (s->to.ifindex == PLACE_PROXY) {
		point = TRACE_TO_PROXY;
		/* At the end whose rules send it there. */
		arrives = !(s->fresh.flags & CT_PROXY_INGRESS) == (life == TRACE_REPLY);
	} else {
		point = TRACE_TO_ENDPOINT;
		arrives = true;
	}
	s->trace.endpoint = arrives ? s->to.endpoint : s->party[SOURCE].endpoint;
	s->trace.direction = arrives == (life == TRACE_REPLY) ? POLICY_EGRESS : POLICY_INGRESS;
	s->trace.verdict = POLICY_VERDICT_ALLOW;
	s->trace.cookie = 0;
	s->trace.life = life;
	s->trace.point = 1 + point;
	send_event(0);
	s->trace.point = 0;
	return 0;
}

/* The same of a packet whose flow's entry is in the scratch area as well. Verified once: see scratch.h. */
__noinline int trace_known(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	const struct ct_entry *entry;
	struct ip_addr address;
	struct packet *p;
	__be16 port;
	__u32 sender;

	if (!s)
		return 0;
	look_at_frame(skb);
	p = &s->packet[THIS_PACKET];
	entry = &s->fresh;
	sender = s->key[THIS_PACKET].sender & 1;
	s->to = entry->side[!sender];
	if (origin != FROM_PROXY && entry->flags & CT_PROXY)
		s->to.ifindex = PLACE_PROXY;
	s->party[SOURCE].endpoint = entry->side[sender].endpoint;
	s->trace.source_identity = entry->identity[sender];
	s->trace.destination_identity = entry->identity[!sender];
	s->trace.peer = origin == FROM_POD ? skb->ifindex : PEER_IDENTITY | s->trace.source_identity;
	address = p->destination;
	port = p->destination_port;
	/* Inside of the node there are backends. */
	if (is_forward(entry)) {
		p->destination = entry->nat_address;
		p->destination_port = entry->nat_port;
	}
	trace_passed(ct_began_at(entry, sender) ? TRACE_ESTABLISHED : TRACE_REPLY);
	p->destination = address;
	p->destination_port = port;
	return 0;
}
