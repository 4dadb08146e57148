/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The tunnel to other nodes: a packet goes in with its sender's identity as the tunnel's key, and comes out
 * with it. The device is an external one: programs say where each packet goes.
 */
#pragma once

#include "scratch.h"

/* It is a node of the cluster; else only rows of the ipcache name it. */
#define NODE_KNOWN 0x01

/* Another node. No verdict depends on it: it is looked at for every packet. */
struct node {
	struct ip_addr address; /* where tunnels to it end */
	__u8 family;            /* 0: there is no such node */
	__u8 flags;
	__u16 mtu; /* of what may go in there, 0: any */
	__u32 pad[3];
};

/* Number -> node. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct node);
} cilium_nodes SEC(".maps");

/* A node of the cluster, or NULL. */
static __always_inline const struct node *known_node(__u32 number)
{
	const struct node *node = bpf_map_lookup_elem(&cilium_nodes, &number);

	return node && node->flags & NODE_KNOWN ? node : NULL;
}

/* Whether the node of this number has this address. */
static __always_inline bool is_node(__u32 number, const struct ip_addr *address)
{
	const struct node *node = known_node(number);

	return node && same_address(&node->address, address);
}

/* Identities that every node of the cluster knows by the same number, and that a packet can have. Who sends
 * as `host` is a remote node here.
 */
static __always_inline bool may_be_told(__u32 identity)
{
	return identity != IDENTITY_UNKNOWN && identity != IDENTITY_HOST && identity >> 24 == 0;
}

/* What another node is told. */
static __always_inline __u32 told_identity(__u32 identity)
{
	if (identity == IDENTITY_HOST)
		return IDENTITY_REMOTE_NODE;
	return may_be_told(identity) ? identity : IDENTITY_WORLD;
}

/* Says where the packet goes and whose it is. 0, or an error of the kernel's. */
static __always_inline long set_tunnel_key(struct __sk_buff *skb, const struct node *node, __u32 identity)
{
	struct bpf_tunnel_key key = {};
	__u64 flags = BPF_F_ZERO_CSUM_TX;

	key.tunnel_id = told_identity(identity);
	key.tunnel_ttl = 64;
	if (cfg_tunnel_ipv6) {
		flags |= BPF_F_TUNINFO_IPV6;
		__builtin_memcpy(key.remote_ipv6, &node->address, sizeof(key.remote_ipv6));
	} else {
		key.remote_ipv4 = bpf_ntohl(node->address.word[3]);
	}
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags);
}

/* Whether the packet is larger than what may go to this node. Segments of merged ones are as large as their
 * sender was told.
 */
static __always_inline bool exceeds_mtu(const struct __sk_buff *skb, const struct node *node)
{
	return node->mtu && !skb->gso_size && skb->len > node->mtu + ETH_HLEN;
}

/* Reads what the tunnel said of a packet that came out of it. 0, or the reason of a drop. */
__noinline int read_tunnel_key(struct __sk_buff *skb)
{
	struct scratch *s = scratch();
	struct bpf_tunnel_key key = {};

	if (!s)
		return DROP_SCRATCH_MISSING;
	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), cfg_tunnel_ipv6 ? BPF_F_TUNINFO_IPV6 : 0))
		return DROP_NO_TUNNEL_KEY;
	__builtin_memset(&s->tunnel, 0, sizeof(s->tunnel));
	s->tunnel.identity = key.tunnel_id;
	if (cfg_tunnel_ipv6)
		__builtin_memcpy(&s->tunnel.node, key.remote_ipv6, sizeof(s->tunnel.node));
	else
		s->tunnel.node.word[3] = bpf_htonl(key.remote_ipv4);
	return 0;
}

/* Whether what the tunnel said is what a flow's entry has of its sender. */
static __always_inline bool is_of_tunnel(const struct scratch *s, __u32 number, __u32 identity)
{
	return (s->tunnel.identity == identity ||
		(s->tunnel.identity == IDENTITY_REMOTE_NODE && is_remote_node(identity))) &&
	       is_node(number, &s->tunnel.node);
}
