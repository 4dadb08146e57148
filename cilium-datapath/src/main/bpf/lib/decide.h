/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The way of a packet, the same for every entry: docs/datapath.md tells it in words. */
#pragma once

#include "flow.h"
#include "neighbour.h"
#include "refuse.h"

/* Steps 3 to 5 for a packet without a present verdict: 0, and the receiver's end in the scratch area, or
 * what the kernel is told, or DECIDE_AGAIN. Verified once: see scratch.h.
 */
__noinline int decide_slowly(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	int reason, lost = 0;
	struct packet *p;

	if (!s)
		return TC_ACT_SHOT;
	p = &s->packet[THIS_PACKET];
#ifdef FINDS_BACKENDS /* Else there is nobody who asks frontends. */
	lost = find_backend();
#endif
	reason = identify(skb, origin) ?: lost;
	if (!reason) {
		describe_side(&s->to, &s->party[DESTINATION]);
		if (p->fragment != FRAGMENT_ORPHAN) {
			reason = decide_flow(s, p, origin);
			return reason > 0 ? drop(skb, reason) : reason;
		}
		reason = is_to_itself(s) ? DROP_FRAGMENT_NOT_FOUND : evaluate_orphan(s);
	}
	if (!reason)
		return 0;
	if (is_disturbed(s))
		return DECIDE_AGAIN;
#ifdef FINDS_BACKENDS
	if (reason == DROP_NO_SERVICE && cfg_refuse) {
		drop(skb, reason);
		return refuse(skb);
	}
#endif
	return drop(skb, reason);
}

/* Puts what s->becomes says, and this port, in the place of an end's. Verified once: see scratch.h. */
__noinline int rewrite_slowly(struct __sk_buff *skb, __u32 end, __u32 port)
{
	struct scratch *s = scratch();

	if (!s)
		return DROP_SCRATCH_MISSING;
	return rewrite_end(skb, &s->packet[THIS_PACKET], end & 1, &s->becomes[end & 1], port);
}

/* Writes into the packet what services make of it; the one in the scratch area is again the one on the wire.
 * 0, or the reason of a drop. Verified once: see scratch.h.
 */
__noinline int translate_slowly(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	struct packet *p;
	__be16 port;
	__u32 first;
	int reason;
	bool loops;

	if (!s)
		return DROP_SCRATCH_MISSING;
	p = &s->packet[THIS_PACKET];
	if (s->quotes_backend)
		return requote(skb, s);
	loops = s->loops;
	if (s->service) {
		first = DESTINATION;
		s->becomes[DESTINATION] = p->destination;
		port = p->destination_port;
		s->becomes[SOURCE] = loop_address(p->family);
		forget_backend(s);
	} else if (is_answered(&s->fresh, s->key[THIS_PACKET].sender, origin)) {
		first = SOURCE;
		s->becomes[SOURCE] = s->vip;
		port = s->vip_port;
		s->becomes[DESTINATION] = p->source;
	} else {
		return 0;
	}
	reason = rewrite_slowly(skb, first, port);
	if (reason || !loops)
		return reason;
	return rewrite_slowly(skb, !first, first == SOURCE ? p->destination_port : p->source_port);
}

/* An error that no known flow answers for is a packet like any other. */
static __always_inline void forget_quoted(struct scratch *s)
{
	if (!s->quotes_backend)
		return;
	s->quotes_backend = 0;
	__builtin_memset(&s->vip, 0, sizeof(s->vip));
	s->near = near_of_ends(&s->packet[THIS_PACKET]);
}

/* The way of a packet that conntrack does not answer for: `p` and what it was decided with are in the
 * scratch area.
 */
static __always_inline int handle_slowly(struct __sk_buff *skb, struct scratch *s, __u32 origin)
{
	struct packet *p = &s->packet[THIS_PACKET];
	int result = DECIDE_AGAIN, reason;

	s->service = 0;
	s->loops = false;
	s->quotes_backend = 0;
	__builtin_memset(&s->vip, 0, sizeof(s->vip));
	look_at_frame(skb);
	for (int i = 0; i < DECIDE_TRIES; i++) {
		s->row_writes = row_writes();
		s->life = TRACE_NOTHING;
		if (p->icmp_kind == ICMP_ERROR && p->fragment != FRAGMENT_LATER &&
		    is_related(skb, origin)) {
			result = is_disturbed(s) ? DECIDE_AGAIN : 0;
		} else {
			forget_quoted(s);
			result = decide_slowly(skb, origin);
		}
		if (result != DECIDE_AGAIN)
			break;
		forget_backend(s);
		s->quotes_backend = 0;
		s->epoch = current_epoch();
		s->near = near_of_ends(p);
		s->no_entry = false;
	}
	if (result == DECIDE_AGAIN)
		return drop(skb, DROP_CHANGE_UNDER_WAY);
	if (result)
		return result;
	trace_passed(s->life);
	if (!is_unspecified(&s->vip)) {
		reason = translate_slowly(skb, origin);
		if (reason)
			return drop(skb, reason);
		p = &s->packet[THIS_PACKET];
	}
	if (s->to.ifindex == PLACE_PROXY)
		return deliver_to_proxy(skb, p, origin);
	return deliver(skb, p, &s->to, s->trace.source_identity, origin);
}

/* A packet of which nothing more can be known. */
static __always_inline int handle_unreadable(struct __sk_buff *skb, int reason, __u32 origin)
{
	trace_device(skb, origin);
	return drop(skb, reason);
}

/* What check_neighbour is worth asking about. */
static __always_inline bool may_be_discovery(struct __sk_buff *skb, const struct packet *p, int reason)
{
	if (reason)
		return reason == DROP_UNSUPPORTED_L3 && skb->protocol == bpf_htons(ETH_P_ARP);
	return p->protocol == IPPROTO_ICMPV6 && (p->icmp_type == ICMPV6_NEIGHBOUR_SOLICITATION ||
						 p->icmp_type == ICMPV6_NEIGHBOUR_ADVERTISEMENT);
}

/* Whether a packet comes from where its flow's entry has its sender. */
static __always_inline bool fits_place(struct __sk_buff *skb, const struct scratch *s,
				       const struct ct_entry *entry, __u32 sender, __u32 origin)
{
	const struct ct_side *side = &entry->side[sender & 1];

	if (origin == FROM_POD)
		return side->ifindex == skb->ifindex;
	/* It would come out of the stack again and again. */
	if (origin == FROM_NODE)
		return side->ifindex == PLACE_STACK && entry->side[!(sender & 1)].ifindex != PLACE_STACK;
	if (origin == FROM_PROXY)
		return entry->flags & CT_PROXY;
	return side->ifindex == PLACE_OVERLAY &&
	       is_of_tunnel(s, node_of(side->mac), entry->identity[sender & 1]);
}

/* Writes into a packet of a flow through a service what its entry says. 0, or the reason of a drop. */
static __always_inline int translate(struct __sk_buff *skb, const struct packet *p,
				     const struct ct_entry *entry, __u32 sender, __u32 origin)
{
	__u32 end = is_forward(entry) ? DESTINATION : SOURCE;

	if (end == SOURCE && !is_answered(entry, sender, origin))
		return 0;
	return rewrite_end(skb, p, end, &entry->nat_address, entry->nat_port);
}

/* The way of a packet by the verdict that its flow has. */
static __always_inline int handle_known(struct __sk_buff *skb, struct scratch *s, struct ct_entry *entry,
					__u32 origin)
{
	const struct packet *p = &s->packet[THIS_PACKET];
	__u32 sender = s->key[THIS_PACKET].sender & 1;

	if (entry->flags & CT_NAT && translate(skb, p, entry, sender, origin))
		return fail(skb, origin, DROP_INVALID_PACKET);
	if (origin != FROM_PROXY && entry->flags & CT_PROXY)
		return deliver_to_proxy(skb, p, origin);
	return deliver(skb, p, &entry->side[!sender], entry->identity[sender], origin);
}

/* Takes note of a packet that its flow's entry, s->fresh, answered for and learned from: one a second, and those
 * with which a flow is answered and ends; or of every one. Verified once: see scratch.h.
 */
__noinline int note_passed(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	const struct ct_entry *entry;
	__u32 sender;

	if (!s)
		return 0;
	entry = &s->fresh;
	sender = s->key[THIS_PACKET].sender & 1;
	if (entry->flags & CT_NAT && (is_forward(entry) || is_answered(entry, sender, origin)))
		tell_partner(PARTNER_OF_OLD);
	if (life_of(s->flags_before, entry, sender) != TRACE_NOTHING || is_sampled(s, entry))
		trace_known(skb, origin);
	return 0;
}

/* The whole way of a packet, from any entry. It stands in the scratch area from the first: what the verifier
 * knew of one on the stack, it would follow through everything that is done with it.
 */
static __always_inline int handle_packet(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	struct ct_entry *entry = NULL;
	__u32 near, of_flow, sender;
	struct packet *p;
	struct ct_key *key;
	int reason, result;

	if (!s)
		return TC_ACT_SHOT;
	/* Before anything that a change may touch: see epoch.h. */
	s->epoch = current_epoch();
	p = &s->packet[THIS_PACKET];
	__builtin_memset(p, 0, sizeof(*p));
	reason = parse_packet(skb, p);
	s->now = now_seconds();
	if (origin == FROM_POD && may_be_discovery(skb, p, reason)) {
		result = check_neighbour(skb);
		if (!result)
			return deliver_to_stack();
		if (result != NOT_DISCOVERY)
			return drop(skb, result);
	}
	if (reason)
		return handle_unreadable(skb, reason, origin);
	if (p->fragment == FRAGMENT_LATER)
		frag_complete(THIS_PACKET, origin == FROM_POD ? skb->ifindex : 0);
	near = near_of_ends(p);
	key = &s->key[THIS_PACKET];
	__builtin_memset(key, 0, sizeof(*key));
	ct_key_of(p, key);
	/* An error goes first by what it quotes. */
	s->no_entry = false;
	if (p->fragment != FRAGMENT_ORPHAN && p->icmp_kind != ICMP_ERROR) {
		entry = ct_lookup(key);
		s->no_entry = !entry;
	}
	sender = key->sender;
	of_flow = entry && entry->flags & CT_NAT ? near + near_of(&entry->nat_address) : near;
	if (entry && entry->stamp == stamp_of(s->epoch, of_flow) &&
	    fits_place(skb, s, entry, sender, origin) && ct_covers(entry, p, sender, s->now) &&
	    fits_service(entry, sender, origin)) {
		s->flags_before = entry->flags;
		s->expires_before = entry->expires;
		if (ct_touch(entry, p, sender, s->now) || cfg_trace_all) {
			s->fresh = *entry;
			note_passed(skb, origin);
		}
		return handle_known(skb, s, entry, origin);
	}
	s->near = near;
	return handle_slowly(skb, s, origin);
}
