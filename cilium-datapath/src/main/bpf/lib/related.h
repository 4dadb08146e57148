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
	__u32 reading, near;
	__u64 stamp;

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
	if (find_quoted_ports(skb, quoted, s->party[DESTINATION].ifindex))
		return false;
	key = &s->key[QUOTED_PACKET];
	__builtin_memset(key, 0, sizeof(*key));
	ct_key_of(quoted, key);
	entry = ct_lookup(key);
	if (!entry || entry->expires <= s->now || entry->flags & CT_REVOKED)
		return false;
	stamp = entry->stamp;
	reading = ct_began_at(entry, key->sender & 1) ? FORWARD : REPLY;
	s->to.ifindex = s->party[DESTINATION].ifindex;
	__builtin_memcpy(s->to.mac, s->party[DESTINATION].mac, ETH_ALEN);
	near = near_of_ends(quoted);
	if (stamp == stamp_of(s->epoch, near))
		return true;
	/* The error's receiver sent the quoted packet, to somebody who may not be the error's sender. */
	find_party(SOURCE, QUOTED_PACKET);
	find_party(DESTINATION, QUOTED_PACKET);
	/* Whoever sent the error, it is about the quoted packet's ends. */
	return !evaluate(reading, l4_of(quoted, reading), REPORT_NOTHING) && near_of_ends(quoted) == near;
}
