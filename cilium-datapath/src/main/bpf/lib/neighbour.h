/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who has the next hop's address: a pod's question to the node, which has nothing to do with any flow. Only
 * a pod whose devices somebody else made asks, the others are told beforehand. A pod speaks for its own
 * addresses: with made-up ones it would fill the node's table of neighbours.
 */
#pragma once

#include "party.h"

struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_bytes;
	__u8 protocol_bytes;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__be16 sender[2];
	__u8 target_mac[ETH_ALEN];
	__be16 target[2];
};

#define ARP_ETHERNET 1

/* 0 to pass, or the reason of a drop. */
static __always_inline int check_arp(struct __sk_buff *skb, struct scratch *s, const struct endpoint *row)
{
	struct packet *p = &s->packet[THIS_PACKET];
	struct arp arp;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &arp, sizeof(arp)))
		return DROP_INVALID_PACKET;
	p->family = 4;
	__builtin_memcpy(&p->source.word[3], arp.sender, sizeof(__be32));
	__builtin_memcpy(&p->destination.word[3], arp.target, sizeof(__be32));
	if (arp.hardware != bpf_htons(ARP_ETHERNET) || arp.protocol != bpf_htons(ETH_P_IP) ||
	    arp.hardware_bytes != ETH_ALEN || arp.protocol_bytes != sizeof(__be32))
		return DROP_INVALID_SOURCE_IP;
	/* 0: whether somebody has the address that it is about to take. */
	if (!p->source.word[3] || has_address(row, &p->source, 4))
		return 0;
	return DROP_INVALID_SOURCE_IP;
}

/* The link-local address that a device makes from its own (RFC 4291, appendix A). */
static __always_inline bool is_made_from_mac(const struct ip_addr *address, const __u8 *mac)
{
	const __u8 *bytes = (const __u8 *)address;

	return address->word[0] == bpf_htonl(0xfe800000) && !address->word[1] &&
	       bytes[8] == (mac[0] ^ 2) && bytes[9] == mac[1] && bytes[10] == mac[2] &&
	       bytes[11] == 0xff && bytes[12] == 0xfe && bytes[13] == mac[3] && bytes[14] == mac[4] &&
	       bytes[15] == mac[5];
}

static __always_inline bool is_own6(const struct endpoint *row, const struct ip_addr *address)
{
	return has_address(row, address, 6) || is_made_from_mac(address, row->mac);
}

#define ND_HOP_LIMIT 255
#define ND_TARGET_OFFSET 8

static __always_inline int check_discovery(struct __sk_buff *skb, const struct packet *p,
					   const struct endpoint *row)
{
	struct ip_addr target;

	if (p->icmp_type == ICMPV6_NEIGHBOUR_SOLICITATION)
		return is_unspecified(&p->source) || is_own6(row, &p->source) ? 0
									       : DROP_FORBIDDEN_ICMPV6;
	if (!is_own6(row, &p->source) || p->l4_offset + ND_TARGET_OFFSET + sizeof(target) > p->end ||
	    bpf_skb_load_bytes(skb, p->l4_offset + ND_TARGET_OFFSET, &target, sizeof(target)) ||
	    !is_own6(row, &target))
		return DROP_FORBIDDEN_ICMPV6;
	return 0;
}

/* Whether it is neighbour discovery that ends at the node: sent to another destination such a packet would
 * be routed on, past the policy.
 */
static __always_inline bool is_discovery(const struct packet *p, __u64 epoch)
{
	if (p->family != 6 || p->protocol != IPPROTO_ICMPV6 || p->hop_limit != ND_HOP_LIMIT ||
	    p->fragment ||
	    (p->icmp_type != ICMPV6_NEIGHBOUR_SOLICITATION &&
	     p->icmp_type != ICMPV6_NEIGHBOUR_ADVERTISEMENT))
		return false;
	/* ff02::/16 stays on the link. */
	return (p->destination.word[0] & bpf_htonl(0xffff0000)) == bpf_htonl(0xff020000) ||
	       is_link_local6(&p->destination) ||
	       identity_of_address(&p->destination, 6, epoch) == IDENTITY_HOST;
}

#define NOT_DISCOVERY (-3)

/* What to do with a pod's packet if it is about neighbours: 0 to pass, the reason of a drop, or
 * NOT_DISCOVERY. Verified once: see scratch.h.
 */
__noinline int check_neighbour(struct __sk_buff *skb)
{
	struct scratch *s = scratch();
	bool arp = skb->protocol == bpf_htons(ETH_P_ARP);
	const struct endpoint *row;

	if (!s || (!arp && !is_discovery(&s->packet[THIS_PACKET], s->epoch)))
		return NOT_DISCOVERY;
	begin_trace(s, FROM_POD);
	s->trace.peer = skb->ifindex;
	row = endpoint_of_device(skb->ifindex);
	if (!endpoint_at(row, s->epoch) || !row)
		return DROP_UNKNOWN_SENDER;
	s->trace.endpoint = row->id;
	return arp ? check_arp(skb, s, row) : check_discovery(skb, &s->packet[THIS_PACKET], row);
}
