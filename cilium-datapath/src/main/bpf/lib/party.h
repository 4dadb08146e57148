/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who is it? Both ends of a packet are identified by device, by local address, by ipcache. */
#pragma once

#include "events.h"
#include "ipcache.h"

/* What a packet came from. */
enum origin { FROM_POD, FROM_NODE };

/* Copies what a row says at the packet's epoch; false where the endpoint does not exist in it. */
static __always_inline bool fill_party(struct party *party, const struct endpoint *row, __u64 epoch)
{
	const struct endpoint_version *version = endpoint_at(row, epoch);

	if (!version)
		return false;
	party->ifindex = row->ifindex;
	party->endpoint = row->id;
	__builtin_memcpy(party->mac, row->mac, ETH_ALEN);
	party->identity = version->identity;
	party->policy = version->policy;
	party->flags = version->flags;
	for (int i = 0; i < 2; i++) {
		party->own_shapes[i] = version->own_shapes[i];
		party->aggregate_shapes[i] = version->aggregate_shapes[i];
	}
	return true;
}

/* Fills one party by its address in a packet: a local endpoint, or what is behind the stack. */
__noinline int find_party(__u32 end, __u32 which)
{
	struct scratch *s = scratch();
	const struct packet *p;
	const struct ip_addr *address;
	struct party *party;

	if (!s)
		return 0;
	p = &s->packet[which & 1];
	address = end ? &p->destination : &p->source;
	party = &s->party[end & 1];
	__builtin_memset(party, 0, sizeof(*party));
	if (fill_party(party, endpoint_of_address(address, p->family), s->epoch))
		return 0;
	if (end ? ends_at_node(address, p->family) : p->family == 6 && is_link_local6(address))
		party->identity = IDENTITY_HOST;
	else
		party->identity = identity_of_address(address, p->family, s->epoch);
	return 0;
}

/* Fills the sender by its device. 0, or the reason of a drop. */
static __always_inline int find_sender(struct __sk_buff *skb, struct scratch *s)
{
	const struct endpoint *row = endpoint_of_device(skb->ifindex);
	struct party *party = &s->party[SOURCE];
	const struct packet *p = &s->packet[THIS_PACKET];

	s->trace.peer = skb->ifindex;
	__builtin_memset(party, 0, sizeof(*party));
	if (!fill_party(party, row, s->epoch))
		return DROP_UNKNOWN_SENDER;
	s->trace.endpoint = party->endpoint;
	s->trace.source_identity = party->identity;
	if (!row || !has_address(row, &p->source, p->family))
		return DROP_INVALID_SOURCE_IP;
	return 0;
}

static __always_inline bool is_multicast6(const struct ip_addr *address)
{
	return (address->word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

/* What only belongs to the link it was sent on, and is no question to the node: what a pod says to its
 * neighbours, which it does not have, and what the kernel itself says on our own devices.
 */
static __always_inline bool stays_on_link(const struct packet *p, __u32 origin)
{
	return p->family == 6 && p->protocol == IPPROTO_ICMPV6 &&
	       (is_link_local6(&p->source) || is_unspecified(&p->source)) &&
	       (origin == FROM_POD || is_multicast6(&p->destination));
}

static __always_inline void begin_trace(struct scratch *s, __u32 origin)
{
	__builtin_memset(&s->trace, 0, sizeof(s->trace));
	s->trace.direction = origin == FROM_POD ? POLICY_EGRESS : POLICY_INGRESS;
}

/* Fills both parties of the packet on its way. 0, or the reason of a drop. */
__noinline int identify(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	int reason;

	if (!s)
		return DROP_SCRATCH_MISSING;
	begin_trace(s, origin);
	if (origin == FROM_POD) {
		reason = find_sender(skb, s);
		if (reason == DROP_UNKNOWN_SENDER)
			return reason;
		if (stays_on_link(&s->packet[THIS_PACKET], origin))
			return DROP_FORBIDDEN_ICMPV6;
		if (reason)
			return reason;
	} else {
		/* A pod's packet may come by way of the stack, where the node translated its destination: its
		 * policy is asked about the new one.
		 */
		find_party(SOURCE, THIS_PACKET);
		s->trace.source_identity = s->party[SOURCE].identity;
		s->trace.peer = PEER_IDENTITY | s->party[SOURCE].identity;
		if (stays_on_link(&s->packet[THIS_PACKET], origin))
			return DROP_FORBIDDEN_ICMPV6;
	}
	find_party(DESTINATION, THIS_PACKET);
	if (origin == FROM_NODE && !s->party[DESTINATION].policy)
		return DROP_NO_LOCAL_ENDPOINT;
	s->trace.destination_identity = s->party[DESTINATION].identity;
	return 0;
}
