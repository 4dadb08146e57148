/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where a packet that passed goes. */
#pragma once

#include "fragments.h"
#include "party.h"

/* One hop less. The checksum of IPv4 follows (RFC 1624): the TTL is the upper byte of its word. */
static __always_inline int decrement_hop_limit(struct __sk_buff *skb, __u8 family)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (family == 4) {
		struct iphdr *ip = data + ETH_HLEN;
		__u32 sum;

		if ((void *)(ip + 1) > end)
			return DROP_INVALID_PACKET;
		ip->ttl--;
		sum = (__u32)ip->check + (__u32)bpf_htons(0x0100);
		ip->check = (__sum16)(sum + (sum >= 0xffff));
	} else {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end)
			return DROP_INVALID_PACKET;
		ip->hop_limit--;
	}
	return 0;
}

/* Up to the node's own stack. */
static __always_inline int deliver_to_stack(void)
{
	record(TEST_STACK, 0, 0, 0);
	return TC_ACT_OK;
}

/* A packet that passed and cannot go where it should. */
static __always_inline int fail(struct __sk_buff *skb, __u32 origin, int reason)
{
	trace_device(skb, origin);
	return drop(skb, reason);
}

/* Remembers the ports of a datagram whose first fragment passes. */
static __always_inline void learn_fragment(struct __sk_buff *skb, const struct packet *p, __u32 origin)
{
	if (p->fragment == FRAGMENT_FIRST)
		frag_learn(origin == FROM_POD ? skb->ifindex : 0);
}

/* An Ethernet address as it may lie anywhere in a frame or table: three accesses where bytes would be six. */
struct station {
	__u16 part[ETH_ALEN / 2];
} __attribute__((may_alias));

/* Writes a frame's Ethernet addresses. The frame is addressed to the node's side of the sender's device
 * pair, which is what the sender knows as its next hop; in the receiver's pair that address is as good as
 * any for the source.
 */
static __always_inline bool readdress(struct __sk_buff *skb, const __u8 *mac)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct station *address = data;

	if (data + ETH_HLEN > end)
		return false;
	address[1] = address[0];
	address[0] = *(const struct station *)mac;
	return true;
}

static __always_inline int redirect_into(__u32 ifindex)
{
	return cfg_redirect_peer ? bpf_redirect_peer(ifindex, 0) : bpf_redirect(ifindex, 0);
}

/* Into the proxy's namespace: what the kernel is told. Verified once: see scratch.h. */
__noinline int send_to_proxy(struct __sk_buff *skb, __u32 origin)
{
	__u8 mac[ETH_ALEN] __attribute__((aligned(2)));

	if (!cfg_proxy_device)
		return TC_ACT_SHOT;
	/* One by one: read as what is not volatile, the compiler would take it for the zeros of common.h. */
	for (int i = 0; i < ETH_ALEN; i++)
		mac[i] = cfg_proxy_mac[i];
	count(METRICS_FORWARDED, origin == FROM_POD, skb->len);
	if (skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	if (!readdress(skb, mac))
		return TC_ACT_SHOT;
	record(TEST_PROXY, cfg_proxy_device, 0, 0);
	return redirect_into(cfg_proxy_device);
}

/* Hands the packet to the proxy, which stands between the flow's ends. */
static __always_inline int deliver_to_proxy(struct __sk_buff *skb, const struct packet *p, __u32 origin)
{
	learn_fragment(skb, p, origin);
	return send_to_proxy(skb, origin);
}

/* What send_to_node must know of a packet, in one number. */
static __always_inline __u32 pack_hop(const struct packet *p, __u32 origin)
{
	return origin << 16 | (__u32)p->hop_limit << 8 | p->family;
}

#define NOT_SENT (-3) /* no answer to the kernel */

/* Into the tunnel: what the kernel is told, or NOT_SENT where it leads nowhere. Verified once: see
 * scratch.h.
 */
__noinline int send_to_node(struct __sk_buff *skb, __u32 number, __u32 identity, __u32 hop)
{
	const struct node *node = known_node(number);
	__u32 origin = hop >> 16;
	bool to_stack;

	if (!node)
		return NOT_SENT;
	/* The stack answers what is too large or has no hops left. What comes from there has been looked at. */
	to_stack = (origin == FROM_POD && (__u8)(hop >> 8) <= 1) ||
		   (origin != FROM_NODE && exceeds_mtu(skb, node));
	if (!to_stack && set_tunnel_key(skb, node, identity))
		return NOT_SENT;
	count(METRICS_FORWARDED, origin == FROM_POD, skb->len);
	if (to_stack)
		return deliver_to_stack();
	if (origin == FROM_POD && decrement_hop_limit(skb, hop))
		return TC_ACT_SHOT;
	record(TEST_NODE, number, 0, told_identity(identity));
	return bpf_redirect(cfg_tunnel_device, 0);
}

/* Hands the packet to what stands at the receiver's end. identity: the sender's. */
static __always_inline int deliver(struct __sk_buff *skb, const struct packet *p,
				   const struct ct_side *to, __u32 identity, __u32 origin)
{
	learn_fragment(skb, p, origin);
	if (cfg_tunnel_device && origin != FROM_OVERLAY && to->ifindex == PLACE_OVERLAY) {
		int result = send_to_node(skb, node_of(to->mac), identity, pack_hop(p, origin));

		return result == NOT_SENT ? fail(skb, origin, DROP_NO_TUNNEL_ENDPOINT) : result;
	}
	count(METRICS_FORWARDED, origin == FROM_POD, skb->len);
	if (origin == FROM_OVERLAY && skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	if (to->ifindex == PLACE_STACK)
		return deliver_to_stack();
	if (origin == FROM_POD || origin == FROM_OVERLAY) {
		/* A router answers a packet whose hops are used up; the node's stack is that router. */
		if (p->hop_limit <= 1)
			return deliver_to_stack();
		if (decrement_hop_limit(skb, p->family))
			return TC_ACT_SHOT;
	}
	if (!readdress(skb, to->mac))
		return TC_ACT_SHOT;
	if (origin == FROM_NODE && skb->pkt_type != PACKET_HOST)
		bpf_skb_change_type(skb, PACKET_HOST);
	record(TEST_ENDPOINT, to->ifindex, 0, 0);
	return redirect_into(to->ifindex);
}
