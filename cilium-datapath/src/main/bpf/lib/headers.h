/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What stands between IP and transport, and the whole of a packet. */
#pragma once

#include "scratch.h"

/* One step: the header at w->offset, whose protocol is w->protocol. Every header begins with the next
 * one's protocol and a length, but for the fragment header.
 */
static __always_inline int walk_header(struct __sk_buff *skb, struct walk *w, __u32 end)
{
	struct {
		__u8 next;
		__u8 length;
		__be16 fragment;
		__be32 id;
	} header;
	__u32 bytes;

	if (w->offset + sizeof(header) > end ||
	    bpf_skb_load_bytes(skb, w->offset, &header, sizeof(header)))
		return DROP_INVALID_PACKET;
	if (w->protocol == IPPROTO_FRAGMENT) {
		if (w->fragmented)
			return DROP_INVALID_EXTENSION_HEADER;
		w->fragmented = true;
		w->fragment = bpf_ntohs(header.fragment);
		w->fragment_id = header.id;
		w->fragment_protocol = header.next;
		bytes = sizeof(header);
	} else if (w->protocol == IPPROTO_AH) {
		bytes = (header.length + 2) * 4;
	} else {
		bytes = (header.length + 1) * 8;
	}
	w->protocol = header.next;
	w->offset += bytes;
	return w->offset > end ? DROP_INVALID_PACKET : 0;
}

/* Walks from the header at `offset`, of protocol `next`, to what is the packet's protocol, and leaves where
 * that was in the scratch area. Behind a later fragment's header stands data. 0, or the reason of a drop.
 * Verified once: see scratch.h.
 */
__noinline int walk_headers(struct __sk_buff *skb, __u32 offset, __u32 end, __u32 next, __u32 family)
{
	struct scratch *s = scratch();
	struct walk w = { .offset = offset, .protocol = next };
	int reason = 0;

	if (!s)
		return DROP_SCRATCH_MISSING;
	for (int i = 0; i < MAX_WALKED_HEADERS && !reason; i++) {
		if (!is_walked(family, w.protocol) || w.fragment & IPV6_FRAGMENT_OFFSET)
			break;
		reason = walk_header(skb, &w, end);
	}
	s->walk = w;
	if (reason)
		return reason;
	return is_walked(family, w.protocol) && !(w.fragment & IPV6_FRAGMENT_OFFSET)
		       ? DROP_INVALID_EXTENSION_HEADER
		       : 0;
}

/* The protocol and its header's place, behind what stands between, and what kind of fragment it is. */
static __always_inline int parse_between(struct __sk_buff *skb, struct packet *p)
{
	const struct walk *w;
	struct scratch *s;
	int reason;

	if (!is_walked(p->family, p->protocol) || p->fragment == FRAGMENT_LATER)
		return 0;
	reason = walk_headers(skb, p->l4_offset, p->end, p->protocol, p->family);
	s = scratch();
	if (!s)
		return DROP_SCRATCH_MISSING;
	w = &s->walk;
	p->l4_offset = w->offset;
	p->protocol = w->protocol;
	if (w->fragmented) {
		p->fragment_id = w->fragment_id;
		p->fragment_protocol = w->fragment_protocol;
		if (w->fragment & IPV6_FRAGMENT_OFFSET)
			p->fragment = FRAGMENT_LATER;
		else if (w->fragment & IPV6_MORE_FRAGMENTS)
			p->fragment = FRAGMENT_FIRST;
	}
	return reason;
}

/* Whether a VLAN tag follows that nobody took off the frame: the kernel does with what a device received. */
static __always_inline bool is_tag(__be16 protocol)
{
	return protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD);
}

/* Fills p, which must be zero, but for the ports of a later fragment, whatever tag the frame had. 0, or the reason
 * of a drop.
 */
static __always_inline int parse_untagged(struct __sk_buff *skb, struct packet *p)
{
	int reason;

	if (skb->protocol == bpf_htons(ETH_P_IP))
		reason = parse_ipv4(skb, p, ETH_HLEN, SENT);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		reason = parse_ipv6(skb, p, ETH_HLEN, SENT);
	else
		return is_tag(skb->protocol) ? DROP_VLAN_FILTERED : DROP_UNSUPPORTED_L3;
	if (!reason)
		reason = parse_between(skb, p);
	if (reason || p->fragment == FRAGMENT_LATER)
		return reason;
	return parse_l4(skb, p, WHOLE_TCP);
}

/* The same of a frame that may have no tag. */
static __always_inline int parse_packet(struct __sk_buff *skb, struct packet *p)
{
	return skb->vlan_present ? DROP_VLAN_FILTERED : parse_untagged(skb, p);
}
