/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One entry a flow, both directions: a verdict that was reached once, with the stamp it holds for. */
#pragma once

#include "epoch.h"
#include "packet.h"

#define CT_LIFETIME_TCP 8000
#define CT_LIFETIME_SHORT 60

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* A flow's two ends in numerical order (of address, then port, as bytes on the wire), so that both
 * directions have the same key. `icmp` is 1 + the asker's end, so that what asks never is an answer.
 */
struct ct_key4 {
	__be32 address[2];
	__be16 port[2];
	__u8 protocol;
	__u8 icmp;
	__u8 pad[2];
};

struct ct_key6 {
	struct ip_addr address[2];
	__be16 port[2];
	__u8 protocol;
	__u8 icmp;
	__u8 pad[2];
};

/* What stands at one end, a place: a local endpoint's device, or one of those below. */
struct ct_side {
	__u32 ifindex;
	__u8 mac[ETH_ALEN];
	__u16 endpoint;
};

#define PLACE_STACK 0 /* the node's own stack, and all that is behind it */
/* Another node, by the tunnel: the first two bytes of `mac` hold its number. */
#define PLACE_OVERLAY 0xfffffffd
/* The proxy, between both ends: of a packet's way only, never of an entry. */
#define PLACE_PROXY 0xfffffffc

#define CT_INITIATOR_HIGH 0x0001 /* the flow began at end 1 */
#define CT_REPLIED 0x0002
#define CT_FIN_LOW 0x0004
#define CT_FIN_HIGH 0x0008
#define CT_CLOSING 0x0010
#define CT_REVOKED 0x0020   /* allowed once, and no more: closed in both directions */
#define CT_NO_SYN 0x0040    /* begun by a segment in the midst of a connection */
#define CT_VIA_STACK 0x0080 /* between two local endpoints the stack translates addresses */
#define CT_OVERFLOW 0x0100  /* stands in the overflow table */
#define CT_PROXY 0x0200     /* goes through the proxy, whichever end sends */
/* A flow through a service has an entry for each of its two forms on the wire. The one between client and
 * frontend translates what the client sends; the one between client and backend, which has CT_NAT_SOURCE too,
 * what it is answered.
 */
#define CT_NAT 0x0400
#define CT_NAT_SOURCE 0x0800
#define CT_LOOPBACK 0x1000 /* through a service back to its own client */
#define CT_PROXY_INGRESS 0x2000 /* to the proxy by who was asked, not by who began */

#define CT_FORWARDED 0x4000 /* one end has the node's address, but the node only passes on: see forward() */

/* What both entries of such a flow are to know. */
#define CT_LIFE (CT_REPLIED | CT_FIN_LOW | CT_FIN_HIGH | CT_CLOSING)

/* What a connection that begins under the same key does away with. */
#define CT_MAY_BEGIN_ANEW (CT_CLOSING | CT_REVOKED | CT_NO_SYN)

struct ct_entry {
	__u64 stamp; /* of the verdict; stale when it is not the present one */
	struct ct_side side[2];
	__u32 identity[2]; /* of either end */
	__u32 expires;     /* seconds of now_seconds() */
	__u16 flags;
	__be16 proxy_port;
	/* What CT_NAT puts in the place of an end: the backend, or the frontend. */
	struct ip_addr nat_address;
	__be16 nat_port;
	__u16 service;
	__u32 backend;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ct_key4);
	__type(value, struct ct_entry);
} cilium_ct4_global SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ct_key6);
	__type(value, struct ct_entry);
} cilium_ct6_global SEC(".maps");

/* Flows beyond shares for which the main tables have no room: a flood evicts floods. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct ct_key4);
	__type(value, struct ct_entry);
} cilium_ct4_overflow SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct ct_key6);
	__type(value, struct ct_entry);
} cilium_ct6_overflow SEC(".maps");

/* What an owner has in the main tables, by family (0: IPv4). Only grows here; user space, which walks the
 * tables, puts it right.
 */
struct ct_owner {
	__u32 flows[2];
	__u64 overflowed; /* flows that began in the overflow tables */
};

/* A local endpoint's device -> what it has. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct ct_owner);
} cilium_ct_owners SEC(".maps");

/* Flows in the main tables beyond their owners' shares, by family (0: IPv4). Grows and is put right as what
 * owners have.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} cilium_ct_beyond SEC(".maps");

/* A flow's key in either family, and at which end (0 or 1) the packet's sender stands. */
struct ct_key {
	union {
		struct ct_key4 v4;
		struct ct_key6 v6;
	};
	__u8 family;
	__u8 sender;
};

static __always_inline int compare_be32(__be32 a, __be32 b)
{
	__u32 x = bpf_ntohl(a), y = bpf_ntohl(b);

	return x == y ? 0 : x < y ? -1 : 1;
}

static __always_inline int compare_addresses(const struct ip_addr *a, const struct ip_addr *b)
{
	for (int i = 0; i < 4; i++) {
		if (a->word[i] != b->word[i])
			return compare_be32(a->word[i], b->word[i]);
	}
	return 0;
}

/* 0 for what is no ICMP, else 1 + the asker's end. */
static __always_inline __u8 asker_of(const struct packet *p, __u8 sender)
{
	if (!p->icmp_kind)
		return 0;
	return 1 + (p->icmp_kind == ICMP_ANSWER ? !sender : sender);
}

/* The key must be zero. */
static __always_inline void ct_key_of(const struct packet *p, struct ct_key *key)
{
	int order;

	key->family = p->family;
	if (p->family == 4)
		order = compare_be32(p->source.word[3], p->destination.word[3]);
	else
		order = compare_addresses(&p->source, &p->destination);
	if (order == 0)
		order = (int)bpf_ntohs(p->source_port) - (int)bpf_ntohs(p->destination_port);
	/* Written out for either order: a variable index would cost a bounds check each. */
	key->sender = order > 0;
	if (p->family == 4) {
		key->v4.protocol = p->protocol;
		key->v4.icmp = asker_of(p, order > 0);
		if (order > 0) {
			key->v4.address[0] = p->destination.word[3];
			key->v4.address[1] = p->source.word[3];
			key->v4.port[0] = p->destination_port;
			key->v4.port[1] = p->source_port;
		} else {
			key->v4.address[0] = p->source.word[3];
			key->v4.address[1] = p->destination.word[3];
			key->v4.port[0] = p->source_port;
			key->v4.port[1] = p->destination_port;
		}
	} else {
		key->v6.protocol = p->protocol;
		key->v6.icmp = asker_of(p, order > 0);
		if (order > 0) {
			key->v6.address[0] = p->destination;
			key->v6.address[1] = p->source;
			key->v6.port[0] = p->destination_port;
			key->v6.port[1] = p->source_port;
		} else {
			key->v6.address[0] = p->source;
			key->v6.address[1] = p->destination;
			key->v6.port[0] = p->source_port;
			key->v6.port[1] = p->destination_port;
		}
	}
}

static __always_inline struct ct_entry *ct_lookup(const struct ct_key *key)
{
	struct ct_entry *entry = key->family == 4 ? bpf_map_lookup_elem(&cilium_ct4_global, &key->v4)
						  : bpf_map_lookup_elem(&cilium_ct6_global, &key->v6);
	__u64 *overflow;

	if (entry)
		return entry;
	overflow = epoch_element(EPOCH_OVERFLOW);
	if (!overflow || !*(volatile __u64 *)overflow)
		return NULL;
	return key->family == 4 ? bpf_map_lookup_elem(&cilium_ct4_overflow, &key->v4)
				: bpf_map_lookup_elem(&cilium_ct6_overflow, &key->v6);
}

/* Puts an entry into the table that its flags name. */
static __always_inline long ct_put(const struct ct_key *key, const struct ct_entry *entry)
{
	if (entry->flags & CT_OVERFLOW)
		return key->family == 4
			       ? bpf_map_update_elem(&cilium_ct4_overflow, &key->v4, entry, BPF_ANY)
			       : bpf_map_update_elem(&cilium_ct6_overflow, &key->v6, entry, BPF_ANY);
	return key->family == 4 ? bpf_map_update_elem(&cilium_ct4_global, &key->v4, entry, BPF_ANY)
				: bpf_map_update_elem(&cilium_ct6_global, &key->v6, entry, BPF_ANY);
}

/* Whether the main table has room for one more flow beyond a share. CPUs may race here: a limit that is
 * passed by one is still a limit.
 */
static __always_inline bool ct_take_spare(__u32 family)
{
	__u32 index = family == 6;
	__u32 *beyond = bpf_map_lookup_elem(&cilium_ct_beyond, &index);

	if (!beyond || *(volatile __u32 *)beyond >= cfg_ct_spare)
		return false;
	__sync_fetch_and_add(beyond, 1);
	return true;
}

/* Charges a new flow to its owner: 0, or CT_OVERFLOW where the owner has had its share and nothing is to
 * spare. Not static, so that what it needs of the stack is not its callers'.
 */
__noinline int ct_charge(__u32 owner, __u32 family)
{
	struct ct_owner *has = bpf_map_lookup_elem(&cilium_ct_owners, &owner);
	__u32 flows;
	__u64 *overflow;

	if (!has) {
		struct ct_owner first = {};

		bpf_map_update_elem(&cilium_ct_owners, &owner, &first, BPF_NOEXIST);
		has = bpf_map_lookup_elem(&cilium_ct_owners, &owner);
		if (!has)
			return 0;
	}
	flows = family == 4 ? has->flows[0] : has->flows[1];
	if (flows < cfg_ct_share || ct_take_spare(family)) {
		__sync_fetch_and_add(family == 4 ? &has->flows[0] : &has->flows[1], 1);
		return 0;
	}
	__sync_fetch_and_add(&has->overflowed, 1);
	overflow = epoch_element(EPOCH_OVERFLOW);
	if (overflow && !*(volatile __u64 *)overflow)
		*(volatile __u64 *)overflow = 1;
	return CT_OVERFLOW;
}

/* What one entry of a flow through a service knows of its life, as the other one has it. turned: its ends stand
 * the other way round.
 */
static __always_inline __u16 ct_life(__u16 flags, bool turned)
{
	__u16 life = flags & CT_LIFE;

	if (!turned)
		return life;
	life &= ~(CT_FIN_LOW | CT_FIN_HIGH);
	if (flags & CT_FIN_LOW)
		life |= CT_FIN_HIGH;
	if (flags & CT_FIN_HIGH)
		life |= CT_FIN_LOW;
	return life;
}

static __always_inline bool ct_began_at(const struct ct_entry *entry, __u8 end)
{
	return !!(entry->flags & CT_INITIATOR_HIGH) == end;
}

/* Whether an entry is that between a service's client and the frontend. */
static __always_inline bool is_forward(const struct ct_entry *entry)
{
	return (entry->flags & (CT_NAT | CT_NAT_SOURCE)) == CT_NAT;
}

/* A TCP segment that begins a connection. */
static __always_inline bool is_opening(const struct packet *p)
{
	return (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* Whether a packet of a flow with a present verdict may go by it unasked. */
static __always_inline bool ct_covers(const struct ct_entry *entry, const struct packet *p, __u8 sender,
				      __u32 now)
{
	if (entry->expires <= now || entry->flags & CT_REVOKED)
		return false;
	/* Who answers does not begin, and what is over begins anew. */
	return !is_opening(p) || (ct_began_at(entry, sender) && !(entry->flags & CT_MAY_BEGIN_ANEW));
}

static __always_inline __u32 ct_lifetime(__u16 flags, __u8 protocol)
{
	return protocol == IPPROTO_TCP && (flags & (CT_REPLIED | CT_NO_SYN)) == CT_REPLIED
		       ? CT_LIFETIME_TCP
		       : CT_LIFETIME_SHORT;
}

/* Notes what a packet of the flow that passes tells of its life. A reset or the end of both directions
 * does not shorten it, since either may be forged: it lets a new connection begin and user space collect
 * the entry. Written only where something changes, so that a flow's two CPUs do not pass the cache line to
 * and fro with every packet. Gives whether something did.
 */
static __always_inline bool ct_touch(struct ct_entry *entry, const struct packet *p, __u8 sender,
				     __u32 now)
{
	__u32 flags = entry->flags, expires;

	/* Without branches: the verifier would follow each one to the packet's end. */
	flags |= ((flags & CT_INITIATOR_HIGH) ^ (sender & 1)) * CT_REPLIED;
	flags |= (p->tcp_flags & TCP_FIN) * CT_FIN_LOW << (sender & 1);
	flags |= (p->tcp_flags & TCP_RST) * (CT_CLOSING / TCP_RST);
	flags |= (flags & flags >> 1 & CT_FIN_LOW) * (CT_CLOSING / CT_FIN_LOW);
	expires = now + ct_lifetime(flags, p->protocol);
	if (flags == entry->flags && expires == entry->expires)
		return false;
	if (flags != entry->flags)
		entry->flags = flags;
	if (entry->expires != expires)
		entry->expires = expires;
	return true;
}
