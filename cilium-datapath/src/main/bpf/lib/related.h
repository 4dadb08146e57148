/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* ICMP errors: one passes as the flow does whose packet it quotes. */
#pragma once

#include "deliver.h"
#include "headers.h"
#include "rewrite.h"
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
	make_key(QUOTED_PACKET);
	entry = ct_lookup(key);
	if (quoted->icmp_kind == ICMP_ANSWER && (!entry || entry->expires <= s->now)) {
		/* As it was taken itself, see decide_flow. */
		make_message(quoted);
		make_key(QUOTED_PACKET);
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
	/* What asks a frontend never leaves the node, and no error tells a pod of itself. */
	if (is_forward(entry) || entry->flags & CT_LOOPBACK)
		return false;
	near = near_of_ends(quoted);
	if (entry->flags & CT_NAT) {
		near += near_of(&entry->nat_address);
		s->quotes_backend = reading == FORWARD && (origin == FROM_PROXY || !(entry->flags & CT_PROXY));
	}
	if (s->quotes_backend) {
		s->vip = entry->nat_address;
		s->vip_port = entry->nat_port;
		s->near += near_of(&s->vip);
	}
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
	return near_of_ends(quoted) + (s->fresh.flags & CT_NAT ? near_of(&s->fresh.nat_address) : 0) == near;
}

/* Makes an error about what went to a backend one about what the client sent. 0, or the reason of a drop. */
static __always_inline int requote(struct __sk_buff *skb, const struct scratch *s)
{
	const struct packet *error = &s->packet[THIS_PACKET], *quoted = &s->packet[QUOTED_PACKET];
	__u32 offset = error->l4_offset + ICMP_HEADER_BYTES, sum = error->l4_offset + sizeof(__be16);
	long failed;

	if (error->family == 4) {
		struct iphdr ip;

		failed = bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip));
		/* The header sums up to what it did. */
		ip.check = replaced_sum(ip.check, ip.daddr, s->vip.word[3]);
		ip.daddr = s->vip.word[3];
		failed = failed ?: bpf_skb_store_bytes(skb, offset, &ip, sizeof(ip), 0);
	} else {
		__s64 difference = bpf_csum_diff((__be32 *)&quoted->destination, sizeof(s->vip),
						 (__be32 *)&s->vip, sizeof(s->vip), 0);

		failed = bpf_skb_store_bytes(skb, offset + offsetof(struct ipv6hdr, daddr), &s->vip,
					     sizeof(s->vip), 0);
		failed = failed ?: bpf_l4_csum_replace(skb, sum, 0, difference, 0);
	}
	if (!failed && quoted->fragment != FRAGMENT_LATER && quoted->destination_port != s->vip_port) {
		failed = bpf_skb_store_bytes(skb, quoted->l4_offset + sizeof(__be16), &s->vip_port,
					     sizeof(s->vip_port), 0);
		failed = failed ?: bpf_l4_csum_replace(skb, sum, quoted->destination_port, s->vip_port,
						       sizeof(s->vip_port));
	}
	return failed ? DROP_INVALID_PACKET : 0;
}
