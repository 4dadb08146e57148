/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Services: an address and port that stays (the frontend), and those behind it (the backends). Inside the node
 * there are only backends: a frontend is exchanged for one of them at the first hook that sees the packet,
 * before anybody is asked about it, and put back in the answer.
 */
#pragma once

#include "conntrack.h"
#include "scratch.h"
#include "services.h"

static __always_inline __u32 lb_frontend(struct scratch *s, const struct packet *p, __be16 port,
					 __u8 protocol)
{
	s->lb_key.address = p->destination;
	s->lb_key.port = port;
	s->lb_key.protocol = protocol;
	s->lb_key.family = p->family;
	return lb_frontend_of(&s->lb_key);
}

/* Of a flow alone, so that it finds its backend again whatever was forgotten. */
static __always_inline __u32 lb_hash(const struct packet *p)
{
	__u64 hash = lb_mix(lb_mix(0, p->source.half[0]), p->source.half[1]);

	hash = lb_mix(lb_mix(hash, p->destination.half[0]), p->destination.half[1]);
	return lb_mix(hash, (__u64)bpf_ntohs(p->source_port) << 24 |
				    (__u64)bpf_ntohs(p->destination_port) << 8 | p->protocol);
}

/* The backend that a flow has: its number, 0 where it is to get one, LB_LOST where it lost it. */
#define LB_LOST 0xffffffff

static __always_inline __u32 lb_kept(const struct scratch *s, const struct packet *p, __u32 frontend)
{
	const struct ct_entry *entry = ct_lookup(&s->wire_key);
	bool is_over, begins = p->protocol != IPPROTO_TCP || is_opening(p);
	const struct lb_backend *backend;

	if (!entry || !is_forward(entry))
		return 0;
	is_over = entry->expires <= s->now || entry->flags & CT_MAY_BEGIN_ANEW;
	if (begins && is_over)
		return 0;
	backend = lb_backend_of(entry->backend, frontend);
	if (!backend || backend->state == BACKEND_GONE || backend->port != entry->nat_port ||
	    !same_address(&backend->address, &entry->nat_address))
		return begins ? 0 : LB_LOST;
	/* A connection ends where it began; what is no connection may go elsewhere. */
	return backend->state == BACKEND_ACTIVE || p->protocol == IPPROTO_TCP ? entry->backend : 0;
}

/* The client is the sender again, where the packet is one to itself. */
static __always_inline void lb_unloop(struct scratch *s, struct packet *p)
{
	if (s->loops)
		p->source = p->destination;
	s->loops = false;
}

/* Makes the packet in the scratch area one to this backend. false where the flow that it would be is another
 * one already.
 */
static __always_inline bool lb_take(struct scratch *s, struct packet *p, const struct lb_backend *backend)
{
	const struct ct_entry *entry;

	lb_unloop(s, p);
	s->loops = same_address(&backend->address, &p->source);
	if (s->loops)
		p->source = loop_address(p->family);
	p->destination = backend->address;
	p->destination_port = backend->port;
	make_key(THIS_PACKET);
	entry = ct_lookup(&s->key[THIS_PACKET]);
	return !entry || entry->expires <= s->now || entry->flags & CT_MAY_BEGIN_ANEW ||
	       (entry->flags & CT_NAT_SOURCE && entry->nat_port == s->vip_port &&
		same_address(&entry->nat_address, &s->vip));
}

#define LB_TRIES 4

/* Gives a flow a backend. 0, or the reason of a drop. */
static __always_inline int lb_select(struct scratch *s, struct packet *p, __u32 frontend, __u32 hash)
{
	__u32 place = lb_place(frontend), count, seconds, slot;
	const struct lb_affinity *last = NULL;
	const struct lb_backend *backend;

	if (!place)
		return DROP_NO_SERVICE;
	count = lb_word(place, REGION_BACKENDS);
	seconds = lb_word(place, REGION_AFFINITY);
	slot = (__u64)hash * count >> 32;
	s->client.client = p->source;
	s->client.frontend = frontend;
	s->client.family = p->family;
	if (seconds)
		last = bpf_map_lookup_elem(&cilium_lb_affinity, &s->client);
	if (last && s->now - last->last <= seconds) {
		s->backend = last->backend;
		backend = lb_backend_of(s->backend, frontend);
		if (backend && backend->state == BACKEND_ACTIVE && lb_take(s, p, backend))
			goto chosen;
	}
	for (__u32 i = 0; i < LB_TRIES && i < count; i++) {
		s->backend = lb_word(place, REGION_HEAD + slot);
		backend = lb_backend_of(s->backend, frontend);
		if (backend && backend->state != BACKEND_GONE && lb_take(s, p, backend))
			goto chosen;
		slot = slot + 1 < count ? slot + 1 : 0;
	}
	return DROP_NO_SERVICE;
chosen:
	s->has_affinity = seconds;
	return 0;
}

/* Notes which backend the client that begins a flow has. */
static __always_inline void lb_remember(const struct scratch *s)
{
	struct lb_affinity now = { .backend = s->backend, .last = s->now };

	bpf_map_update_elem(&cilium_lb_affinity, &s->client, &now, BPF_ANY);
}

/* Undoes what find_backend did to the packet in the scratch area. */
static __always_inline void forget_backend(struct scratch *s)
{
	struct packet *p = &s->packet[THIS_PACKET];

	if (s->service) {
		lb_unloop(s, p);
		p->destination = s->vip;
		p->destination_port = s->vip_port;
		s->key[THIS_PACKET] = s->wire_key;
	}
	s->service = 0;
	s->loops = false;
	__builtin_memset(&s->vip, 0, sizeof(s->vip));
}

/* Gives the packet in the scratch area to the backend that its flow has, or to one that it gets. */
static __always_inline int lb_give(struct scratch *s, struct packet *p, __u32 frontend)
{
	__u32 number = lb_kept(s, p, frontend);
	const struct lb_backend *backend;

	if (!number)
		return lb_select(s, p, frontend, lb_hash(p));
	s->backend = number;
	backend = lb_backend_of(number, frontend);
	return backend && lb_take(s, p, backend) ? 0 : DROP_NO_SERVICE;
}

/* Where the packet in the scratch area asks a frontend, makes it one to a backend, with s->service and what else
 * is to be known of it. 0, or the reason of a drop. Verified once: see scratch.h.
 */
__noinline int find_backend(void)
{
	struct scratch *s = scratch();
	__u32 frontend = 0, near;
	struct packet *p;
	int reason;

	if (!s)
		return DROP_SCRATCH_MISSING;
	p = &s->packet[THIS_PACKET];
	if (!lb_may_be(&p->destination))
		return 0;
	near = near_of(&p->destination);
	if (p->fragment != FRAGMENT_ORPHAN &&
	    (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP || p->protocol == IPPROTO_SCTP))
		frontend = lb_frontend(s, p, p->destination_port, p->protocol);
	if (!frontend) {
		if (!lb_frontend(s, p, 0, 0))
			return 0;
		return p->fragment == FRAGMENT_ORPHAN ? DROP_FRAGMENT_NOT_FOUND : DROP_NO_SERVICE;
	}
	s->vip = p->destination;
	s->vip_port = p->destination_port;
	s->wire_key = s->key[THIS_PACKET];
	s->has_affinity = 0;
	s->service = lb_word(lb_place(frontend), REGION_SERVICE);
	if (!s->service)
		return DROP_NO_SERVICE;
	reason = lb_give(s, p, frontend);
	if (reason) {
		forget_backend(s);
		return reason;
	}
	s->near = near_of_ends(p) + near;
	s->no_entry = false;
	return 0;
}
