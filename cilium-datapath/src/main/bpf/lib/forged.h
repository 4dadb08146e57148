/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Nobody outside is somebody inside: what a network sends with the address of a local endpoint, or of the node
 * itself, as its source is forged.
 */
#pragma once

#include "party.h"

/* Both addresses, counted from the IP header: not every device has an Ethernet one before it. */
static __always_inline bool read_addresses(struct __sk_buff *skb, struct packet *p)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
			return false;
		p->family = 4;
		p->protocol = ip.protocol;
		p->source.word[3] = ip.saddr;
		p->destination.word[3] = ip.daddr;
		return true;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
			return false;
		p->family = 6;
		p->protocol = ip.nexthdr;
		__builtin_memcpy(&p->source, &ip.saddr, sizeof(p->source));
		__builtin_memcpy(&p->destination, &ip.daddr, sizeof(p->destination));
		return true;
	}
	return false;
}

/* Whether the address is one that only this node sends from. */
static __always_inline bool is_ours(const struct packet *p, __u64 epoch)
{
	if (endpoint_at(endpoint_of_address(&p->source, p->family), epoch))
		return true;
	/* Every link has its own link-local addresses, which neighbours may share. */
	if (p->family == 6 && is_link_local6(&p->source))
		return false;
	return identity_of_address(&p->source, p->family, epoch) == IDENTITY_HOST;
}

/* Drops a packet whose addresses these are. */
static __always_inline int drop_forged(struct __sk_buff *skb, const struct packet *p)
{
	struct scratch *s = scratch();

	if (!s)
		return TC_ACT_SHOT;
	s->now = now_seconds();
	s->packet[THIS_PACKET] = *p;
	begin_trace(s, FROM_NODE);
	s->trace.peer = skb->ifindex;
	return drop(skb, DROP_INVALID_SOURCE_IP);
}

/* To whatever else is on the device. */
static __always_inline int pass(void)
{
	record(TEST_PASS, 0, 0, 0);
	return TC_ACT_UNSPEC;
}
