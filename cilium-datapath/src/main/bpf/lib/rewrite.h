/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Exchanges an end of a packet for another one, in its headers. Addresses and ports are written in place, which
 * takes less time than the helpers. The transport's checksum is the helper's to write: of a packet that a device
 * is to complete, only the part about addresses may change, and a program does not see which packet that is.
 */
#pragma once

#include "scratch.h"

/* Where a checksum stands in a transport header; 0 where none is about addresses and ports. */
static __always_inline __u32 checksum_place(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 0;
}

/* A checksum once a part of what it covers has changed (RFC 1624). */
static __always_inline __u16 replaced_sum(__u16 sum, __be32 from, __be32 to)
{
	__u64 next = (__u64)(__u16)~sum + (__u32)~from + to;

	next = (next & 0xffffffff) + (next >> 32);
	next = (next & 0xffff) + (next >> 16);
	next = (next & 0xffff) + (next >> 16);
	next = (next & 0xffff) + (next >> 16);
	return ~next;
}

static __always_inline int rewrite_address(struct __sk_buff *skb, __u8 family, __u32 end,
					   const struct ip_addr *from, const struct ip_addr *to)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;

	if (family == 4) {
		struct iphdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > data_end)
			return DROP_INVALID_PACKET;
		if (end == DESTINATION)
			ip->daddr = to->word[3];
		else
			ip->saddr = to->word[3];
		ip->check = replaced_sum(ip->check, from->word[3], to->word[3]);
	} else {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > data_end)
			return DROP_INVALID_PACKET;
		__builtin_memcpy(end == DESTINATION ? &ip->daddr : &ip->saddr, to, sizeof(*to));
	}
	return 0;
}

static __always_inline int rewrite_port(struct __sk_buff *skb, __u32 offset, __be16 port)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	__be16 *place = data + (offset & (MAX_DIRECT_OFFSET - 1));

	if (offset < MAX_DIRECT_OFFSET && (void *)(place + 1) <= data_end) {
		*place = port;
		return 0;
	}
	return bpf_skb_store_bytes(skb, offset, &port, sizeof(port), 0) ? DROP_INVALID_PACKET : 0;
}

/* Puts another address and port in the place of an end's. p: the packet as it is now. A later fragment has no
 * ports, and its checksum is in the first one. 0, or the reason of a drop.
 */
static __always_inline int rewrite_end(struct __sk_buff *skb, const struct packet *p, __u32 end,
				       const struct ip_addr *to, __be16 port)
{
	const struct ip_addr *from = end == DESTINATION ? &p->destination : &p->source;
	__be16 from_port = end == DESTINATION ? p->destination_port : p->source_port;
	__u32 place = checksum_place(p->protocol);
	__u64 flags = p->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	int reason = rewrite_address(skb, p->family, end, from, to);

	if (reason || p->fragment == FRAGMENT_LATER)
		return reason;
	if (port != from_port) {
		reason = rewrite_port(skb, p->l4_offset + (end == DESTINATION ? sizeof(port) : 0), port);
		if (reason)
			return reason;
	}
	if (!place)
		return 0;
	place += p->l4_offset;
	if (p->family == 4) {
		if (bpf_l4_csum_replace(skb, place, from->word[3], to->word[3],
					flags | BPF_F_PSEUDO_HDR | sizeof(__be32)))
			return DROP_INVALID_PACKET;
	} else {
		__s64 difference =
			bpf_csum_diff((__be32 *)from, sizeof(*from), (__be32 *)to, sizeof(*to), 0);

		if (bpf_l4_csum_replace(skb, place, 0, difference, flags | BPF_F_PSEUDO_HDR))
			return DROP_INVALID_PACKET;
	}
	if (port != from_port &&
	    bpf_l4_csum_replace(skb, place, from_port, port, flags | sizeof(port)))
		return DROP_INVALID_PACKET;
	return 0;
}
