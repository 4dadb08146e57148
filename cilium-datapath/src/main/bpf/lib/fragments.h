/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Ports of datagrams that come in fragments, as their first fragments told them. Every sender has slots of
 * its own, so that what one sends in vain costs nobody else.
 */
#pragma once

#include "scratch.h"

#define FRAGMENT_SLOTS_POD 64
/* For all that comes from the node and the outside. */
#define FRAGMENT_SLOTS_NODE 512

struct frag_key {
	__u32 origin; /* the sender's device, 0 for the node */
	__u32 slot;
};

/* The datagram that holds the slot, and what its first fragment said. */
struct frag_entry {
	struct ip_addr source;
	struct ip_addr destination;
	__be32 id;
	__u8 fragment_protocol;
	__u8 family;
	__u8 protocol;
	__u8 icmp_type;
	__be16 source_port;
	__be16 destination_port;
	__u8 icmp_kind;
	__u8 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct frag_key);
	__type(value, struct frag_entry);
} cilium_frags SEC(".maps");

static __always_inline __u32 mix(__u32 hash, __u32 word)
{
	return (hash ^ word) * 0x01000193;
}

/* As memory.FragmentTable does it: over the numbers that the bytes on the wire make. */
static __always_inline void frag_key_of(const struct packet *p, __u32 origin, struct frag_key *key)
{
	__u32 hash = 0x811c9dc5;

	for (int i = 0; i < 4; i++)
		hash = mix(hash, bpf_ntohl(p->source.word[i]));
	for (int i = 0; i < 4; i++)
		hash = mix(hash, bpf_ntohl(p->destination.word[i]));
	hash = mix(hash, bpf_ntohl(p->fragment_id));
	hash = mix(hash, p->fragment_protocol);
	hash ^= hash >> 15;
	key->origin = origin;
	key->slot = hash & ((origin ? FRAGMENT_SLOTS_POD : FRAGMENT_SLOTS_NODE) - 1);
}

/* Remembers the first fragment in the scratch area, which passes. Verified once: see scratch.h. */
__noinline int frag_learn(__u32 origin)
{
	struct scratch *s = scratch();
	struct frag_entry entry = {};
	const struct packet *p;
	struct frag_key key;

	if (!s)
		return 0;
	p = &s->packet[THIS_PACKET];
	entry.source = p->source;
	entry.destination = p->destination;
	entry.id = p->fragment_id;
	entry.fragment_protocol = p->fragment_protocol;
	entry.family = p->family;
	entry.protocol = p->protocol;
	entry.icmp_type = p->icmp_type;
	entry.source_port = p->source_port;
	entry.destination_port = p->destination_port;
	entry.icmp_kind = p->icmp_kind;
	if (is_icmp(p->protocol) && p->icmp_kind != ICMP_ANSWER) {
		__u32 asked = icmp_asked(p->protocol, p->icmp_type);

		/* When the rest comes, somebody may have asked: as on the wire. */
		if (asked & IS_ANSWER) {
			entry.icmp_kind = ICMP_ANSWER;
			entry.source_port = bpf_htons(asked & 0xff);
			entry.destination_port = s->answer_id;
		}
	}
	frag_key_of(p, origin, &key);
	bpf_map_update_elem(&cilium_frags, &key, &entry, BPF_ANY);
	return 0;
}

/* Gives a later fragment in the scratch area what its first one said, or marks it as an orphan. Verified
 * once.
 */
__noinline int frag_complete(__u32 which, __u32 origin)
{
	struct scratch *s = scratch();
	const struct frag_entry *entry;
	struct frag_key key;
	struct packet *p;

	if (!s)
		return 0;
	p = &s->packet[which & 1];
	frag_key_of(p, origin, &key);
	entry = bpf_map_lookup_elem(&cilium_frags, &key);
	if (!entry || entry->family != p->family || entry->id != p->fragment_id ||
	    entry->fragment_protocol != p->fragment_protocol ||
	    !same_address(&entry->source, &p->source) ||
	    !same_address(&entry->destination, &p->destination)) {
		p->fragment = FRAGMENT_ORPHAN;
		return 0;
	}
	p->protocol = entry->protocol;
	p->source_port = entry->source_port;
	p->destination_port = entry->destination_port;
	p->icmp_type = entry->icmp_type;
	p->icmp_kind = entry->icmp_kind;
	return 0;
}
