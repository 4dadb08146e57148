/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The two entries of a flow through a service, which stand for one flow: each tells the other of its life. */
#pragma once

#include "party.h"

/* Whether an entry is that between a service's client and the frontend. */
static __always_inline bool is_forward(const struct ct_entry *entry)
{
	return (entry->flags & (CT_NAT | CT_NAT_SOURCE)) == CT_NAT;
}

/* Whether a packet may be one of the entry's flow, where that is through a service: the client asks the frontend,
 * and only backends answer.
 */
static __always_inline bool fits_service(const struct ct_entry *entry, __u32 sender, __u32 origin)
{
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

/* Puts the entry between client and frontend. Client and backend may stand in another order. */
static __always_inline long put_forward(struct scratch *s)
{
	const struct packet *p = &s->packet[THIS_PACKET];
	__u32 client = s->key[THIS_PACKET].sender & 1, end = s->wire_key.sender & 1;
	struct ct_entry *forward = &s->forward;

	*forward = s->fresh;
	forward->side[end] = s->fresh.side[client];
	forward->side[!end] = s->fresh.side[!client];
	forward->identity[end] = s->fresh.identity[client];
	forward->identity[!end] = s->fresh.identity[!client];
	forward->flags &= ~(CT_NAT_SOURCE | CT_INITIATOR_HIGH | CT_LIFE);
	forward->flags |= ct_life(s->fresh.flags, client != end);
	if (end)
		forward->flags |= CT_INITIATOR_HIGH;
	forward->nat_address = p->destination;
	forward->nat_port = p->destination_port;
	if (s->has_affinity)
		lb_remember(s);
	return ct_put(&s->wire_key, forward);
}

/* Tells the other entry of a flow through a service what s->fresh, the entry of the packet in the scratch area, was
 * told: else the one that is used less is evicted, or over, before the other. Puts it again where it was evicted.
 * Verified once: see scratch.h.
 */
__noinline int tell_partner(void)
{
	struct scratch *s = scratch();
	struct ct_entry *partner, *fresh;
	struct packet *p, *other;
	__u32 sender, expires;
	struct ct_key *key;
	__u16 life;

	if (!s)
		return 0;
	p = &s->packet[THIS_PACKET];
	other = &s->packet[QUOTED_PACKET];
	key = &s->key[QUOTED_PACKET];
	fresh = &s->fresh;
	*other = *p;
	if (is_forward(fresh)) {
		other->destination = fresh->nat_address;
		other->destination_port = fresh->nat_port;
	} else {
		other->source = fresh->nat_address;
		other->source_port = fresh->nat_port;
	}
	make_key(QUOTED_PACKET);
	sender = s->key[THIS_PACKET].sender & 1;
	life = ct_life(fresh->flags, sender != (key->sender & 1));
	partner = ct_lookup(key);
	if (partner) {
		if (!(partner->flags & CT_NAT) || partner->backend != fresh->backend)
			return 0;
		partner->flags |= life;
		expires = s->now + ct_lifetime(partner->flags, p->protocol);
		if (partner->expires != expires)
			partner->expires = expires;
		return 0;
	}
	partner = &s->forward;
	*partner = *fresh;
	partner->side[key->sender & 1] = fresh->side[sender];
	partner->side[!(key->sender & 1)] = fresh->side[!sender];
	partner->identity[key->sender & 1] = fresh->identity[sender];
	partner->identity[!(key->sender & 1)] = fresh->identity[!sender];
	partner->flags &= ~(CT_INITIATOR_HIGH | CT_LIFE);
	partner->flags |= life;
	partner->flags ^= CT_NAT_SOURCE;
	if (ct_began_at(fresh, sender) == (key->sender & 1))
		partner->flags |= CT_INITIATOR_HIGH;
	partner->nat_address = is_forward(fresh) ? p->destination : p->source;
	partner->nat_port = is_forward(fresh) ? p->destination_port : p->source_port;
	return ct_put(key, partner);
}

/* Has tell_partner told of a packet that is not in the scratch area yet. */
static __always_inline void touch_partner(const struct packet *p, const struct ct_key *key,
					  const struct ct_entry *entry, __u32 now)
{
	struct scratch *s = scratch();

	if (!s)
		return;
	s->now = now;
	s->packet[THIS_PACKET] = *p;
	s->key[THIS_PACKET] = *key;
	s->fresh = *entry;
	tell_partner();
}
