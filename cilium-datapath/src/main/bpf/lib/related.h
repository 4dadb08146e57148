/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ICMP errors: one passes as the flow does whose packet it quotes. */
#pragma once

#include "deliver.h"
#include "headers.h"
#include "verdict.h"

/* Reads what an error quotes: the beginning of a packet, in any form that may be sent. 0 if it is one. */
static __always_inline int parse_quoted(struct __sk_buff *skb, const struct packet *error,
					struct packet *quoted)
{
	__u32 offset = error->l4_offset + ICMP_HEADER_BYTES;
	int reason;

	quoted->end = error->end;
	if (error->family == 4)
		reason = parse_ipv4(skb, quoted, offset, QUOTED);
	else
		reason = parse_ipv6(skb, quoted, offset, QUOTED);
	return reason ?: parse_between(skb, quoted);
}

/* The ports of what is quoted. Those of a later fragment are the first one's, whose sender is the error's
 * receiver.
 */
static __always_inline int find_quoted_ports(struct __sk_buff *skb, struct packet *quoted, __u32 sender)
{
	if (quoted->fragment != FRAGMENT_LATER)
		return parse_l4(skb, quoted, QUOTED_TCP);
	frag_complete(QUOTED_PACKET, sender);
	return quoted->fragment == FRAGMENT_ORPHAN;
}

/* Whether an error passes, with the receiver's end in the scratch area. Whoever sends it from a pod must be
 * the one that the quoted packet was for: errors about other people's flows are forgeries. From the node
 * any router may send one. Verified once: see scratch.h.
 */
__noinline int is_related(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	const struct packet *error;
	struct packet *quoted;
	struct ct_entry *entry;
	struct ct_key *key;
	__u32 reading, near, sender;
	bool in_midst, present;

	if (!s)
		return false;
	error = &s->packet[THIS_PACKET];
	quoted = &s->packet[QUOTED_PACKET];
	__builtin_memset(quoted, 0, sizeof(*quoted));
	if (parse_quoted(skb, error, quoted) || !same_address(&quoted->source, &error->destination))
		return false;
	if (origin == FROM_POD && !same_address(&quoted->destination, &error->source))
		return false;
	/* Also refuses an error with a forged source, before anything else is believed. */
	if (identify(skb, origin))
		return false;
	if (find_quoted_ports(skb, quoted, device_of(&s->party[DESTINATION])))
		return false;
	key = &s->key[QUOTED_PACKET];
	__builtin_memset(key, 0, sizeof(*key));
	ct_key_of(quoted, key);
	entry = ct_lookup(key);
	if (quoted->icmp_kind == ICMP_ANSWER && (!entry || entry->expires <= s->now)) {
		/* As it was taken itself, see decide_flow. */
		make_message(quoted);
		__builtin_memset(key, 0, sizeof(*key));
		ct_key_of(quoted, key);
		entry = ct_lookup(key);
	}
	if (!entry || entry->expires <= s->now || entry->flags & CT_REVOKED)
		return false;
	if (origin == FROM_PROXY && !(entry->flags & CT_PROXY))
		return false;
	s->fresh = *entry;
	entry = &s->fresh;
	sender = key->sender & 1;
	reading = ct_began_at(entry, sender) ? FORWARD : REPLY;
	in_midst = entry->flags & CT_NO_SYN;
	near = near_of_ends(quoted);
	present = entry->stamp == stamp_of(s->epoch, near);
	s->to.ifindex = s->party[DESTINATION].ifindex;
	__builtin_memcpy(s->to.mac, s->party[DESTINATION].mac, ETH_ALEN);
	/* It goes the way of the flow: what the stack translates it must see. */
	if ((origin == FROM_POD || origin == FROM_PROXY) && entry->side[sender].ifindex == PLACE_STACK &&
	    (present || entry->flags & CT_VIA_STACK))
		s->to.ifindex = PLACE_STACK;
	/* The quoted packet was the proxy's. */
	if (origin != FROM_PROXY && entry->flags & CT_PROXY)
		s->to.ifindex = PLACE_PROXY;
	if (present)
		return true;
	/* The error's receiver sent the quoted packet, to somebody who may not be the error's sender. */
	find_party(SOURCE, QUOTED_PACKET);
	find_party(DESTINATION, QUOTED_PACKET);
	if (is_flow_of_others(QUOTED_PACKET))
		return false;
	/* Whoever sent the error, it is about the quoted packet's ends. */
	if (in_midst ? evaluate_midst(quoted, REPORT_NOTHING, &reading)
		     : evaluate(reading, l4_of(quoted, reading), REPORT_NOTHING))
		return false;
	return near_of_ends(quoted) == near;
}
