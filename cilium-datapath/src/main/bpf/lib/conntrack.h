/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One entry a flow, both directions: a verdict that was reached once, with the epoch it holds for. */
#pragma once

#include "packet.h"

#define CT_LIFETIME_TCP 8000
#define CT_LIFETIME_SYN 60
#define CT_LIFETIME_OTHER 60
#define CT_LIFETIME_CLOSING 10

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

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
	return key->family == 4 ? bpf_map_lookup_elem(&cilium_ct4_global, &key->v4)
				: bpf_map_lookup_elem(&cilium_ct6_global, &key->v6);
}

static __always_inline long ct_insert(const struct ct_key *key, const struct ct_entry *entry)
{
	return key->family == 4 ? bpf_map_update_elem(&cilium_ct4_global, &key->v4, entry, BPF_ANY)
				: bpf_map_update_elem(&cilium_ct6_global, &key->v6, entry, BPF_ANY);
}

static __always_inline void ct_remove(const struct ct_key *key)
{
	if (key->family == 4)
		bpf_map_delete_elem(&cilium_ct4_global, &key->v4);
	else
		bpf_map_delete_elem(&cilium_ct6_global, &key->v6);
}

static __always_inline bool ct_began_at(const struct ct_entry *entry, __u8 end)
{
	return !!(entry->flags & CT_INITIATOR_HIGH) == end;
}

/* Whether a packet may not use the entry and begins a flow of its own. */
static __always_inline bool ct_is_over(const struct ct_entry *entry, const struct packet *p, __u32 now)
{
	return entry->expires <= now ||
	       (entry->flags & CT_CLOSING && (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN);
}

/* Notes what a packet of the flow tells of its life. Written only where something changes, so that a
 * flow's two CPUs do not pass the cache line to and fro with every packet.
 */
static __always_inline void ct_touch(struct ct_entry *entry, const struct packet *p, __u8 sender,
				     __u32 now)
{
	__u32 lifetime = CT_LIFETIME_OTHER;
	__u16 flags = entry->flags;

	if (!ct_began_at(entry, sender))
		flags |= CT_REPLIED;
	if (p->protocol == IPPROTO_TCP) {
		if (p->tcp_flags & TCP_FIN)
			flags |= sender ? CT_FIN_HIGH : CT_FIN_LOW;
		if (p->tcp_flags & TCP_RST ||
		    (flags & (CT_FIN_LOW | CT_FIN_HIGH)) == (CT_FIN_LOW | CT_FIN_HIGH))
			flags |= CT_CLOSING;
		lifetime = flags & CT_REPLIED ? CT_LIFETIME_TCP : CT_LIFETIME_SYN;
		if (flags & CT_CLOSING)
			lifetime = CT_LIFETIME_CLOSING;
	}
	if (flags != entry->flags)
		entry->flags = flags;
	if (entry->expires != now + lifetime)
		entry->expires = now + lifetime;
}
