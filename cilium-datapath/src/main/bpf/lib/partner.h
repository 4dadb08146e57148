/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The two entries of a flow through a service, which stand for one flow: each tells the other of its life. */
#pragma once

#include "party.h"

/* Whether a packet may be one of the entry's flow, where that is through a service: the client asks the frontend,
 * and only backends answer.
 */
static __always_inline bool fits_service(const struct ct_entry *entry, __u32 sender, __u32 origin)
{
	/* What is exchanged at both ends takes the slow way. */
	if (entry->flags & CT_LOOPBACK)
		return false;
	if (!(entry->flags & CT_NAT) || origin == FROM_PROXY)
		return true;
	return ct_began_at(entry, sender & 1) == !(entry->flags & CT_NAT_SOURCE);
}

/* Whether a packet is an answer of a service, on its way to the client. Between a proxy and a backend there is no
 * frontend.
 */
static __always_inline bool is_answered(const struct ct_entry *entry, __u32 sender, __u32 origin)
{
	return entry->flags & CT_NAT_SOURCE && !ct_began_at(entry, sender & 1) &&
	       (origin == FROM_PROXY || !(entry->flags & CT_PROXY));
}

#define PARTNER_OF_OLD 0 /* of a flow that goes on */
#define PARTNER_OF_NEW 1 /* of one that was decided now: what stands under its key gives way */

/* Tells the other entry of a flow through a service what s->fresh, the entry of the packet in the scratch area, was
 * told: else the one that is used less is evicted, or over, before the other. Puts it where there is none. 0, or not
 * where that cannot be. Verified once: see scratch.h.
 */
__noinline int tell_partner(__u32 age)
{
	struct scratch *s = scratch();
	struct ct_entry *partner, *fresh;
	__u32 here, there, expires;
	struct packet *p, *other;
	bool asks;
	__u16 life;

	if (!s)
		return 0;
	p = &s->packet[THIS_PACKET];
	other = &s->packet[QUOTED_PACKET];
	fresh = &s->fresh;
	here = s->key[THIS_PACKET].sender & 1;
	/* Who asks a frontend began, whatever was known of a flow to the backend. */
	asks = age == PARTNER_OF_NEW || ct_began_at(fresh, here);
	*other = *p;
	*(asks ? &other->destination : &other->source) = fresh->nat_address;
	*(asks ? &other->destination_port : &other->source_port) = fresh->nat_port;
	if (fresh->flags & CT_LOOPBACK)
		*(asks ? &other->source : &other->destination) = asks ? p->destination : p->source;
	make_key(QUOTED_PACKET);
	there = s->key[QUOTED_PACKET].sender & 1;
	life = ct_life(fresh->flags, here != there);
	partner = age == PARTNER_OF_OLD ? ct_lookup(&s->key[QUOTED_PACKET]) : NULL;
	if (partner) {
		if (!(partner->flags & CT_NAT) || partner->backend != fresh->backend)
			return 0;
		partner->flags |= life;
		expires = s->now + ct_lifetime(partner->flags, p->protocol);
		if (partner->expires != expires)
			partner->expires = expires;
		return 0;
	}
	partner = &s->partner;
	*partner = *fresh;
	partner->side[there] = fresh->side[here];
	partner->side[!there] = fresh->side[!here];
	partner->identity[there] = fresh->identity[here];
	partner->identity[!there] = fresh->identity[!here];
	partner->flags = (fresh->flags & ~(CT_INITIATOR_HIGH | CT_LIFE)) ^ CT_NAT_SOURCE;
	partner->flags |= life | (asks == there ? CT_INITIATOR_HIGH : 0);
	partner->nat_address = asks ? p->destination : p->source;
	partner->nat_port = asks ? p->destination_port : p->source_port;
	return ct_put(&s->key[QUOTED_PACKET], partner) ? -1 : 0;
}
