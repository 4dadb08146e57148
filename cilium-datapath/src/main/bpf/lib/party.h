/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who is it? Both ends of a packet are identified by device, by local address, by ipcache. */
#pragma once

#include "events.h"
#ifdef MEETS_TRANSLATED
#include "first_sender.h"
#endif
#include "ipcache.h"
#include "lb.h"
#include "overlay.h"

/* What a packet came from. */
enum origin {
	FROM_POD,
	FROM_NODE,
	FROM_OVERLAY,
	FROM_PROXY,
	/* What the node itself is sent and sends, at the devices that lead out of it: with a host firewall. */
	FROM_NETWORK,
	TO_NETWORK,
};

/* The device of a local endpoint, for whom things are counted; 0 for everybody else. */
static __always_inline __u32 device_of(const struct party *party)
{
	return party->ifindex == PLACE_OVERLAY ? 0 : party->ifindex;
}

/* Places a party on another node. */
static __always_inline void place_on_node(struct party *party, __u32 node)
{
	party->ifindex = PLACE_OVERLAY;
	party->mac[0] = node;
	party->mac[1] = node >> 8;
}

static __always_inline __u32 node_of(const __u8 *mac)
{
	return mac[0] | (__u32)mac[1] << 8;
}

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

/* Makes a party the node itself, if it is restricted. It is an endpoint with a policy alone: number and device stay
 * those of the stack.
 */
static __always_inline void become_host(struct party *party, __u64 epoch)
{
	if (cfg_host_endpoint && fill_party(party, endpoint_of_device(PLACE_STACK), epoch))
		party->endpoint = 0;
}

/* Fills one party by its address in a packet: a local endpoint, or what is behind the stack. */
__noinline int find_party(__u32 end, __u32 which)
{
	struct scratch *s = scratch();
	const struct packet *p;
	const struct ip_addr *address;
	struct destination found;
	struct party *party;

	if (!s)
		return 0;
	p = &s->packet[which & 1];
	address = end ? &p->destination : &p->source;
	party = &s->party[end & 1];
	__builtin_memset(party, 0, sizeof(*party));
	if (fill_party(party, endpoint_of_address(address, p->family), s->epoch))
		return 0;
	if (end ? ends_at_node(address, p->family) : p->family == 6 && is_link_local6(address)) {
		party->identity = IDENTITY_HOST;
		become_host(party, s->epoch);
		return 0;
	}
	found = find_destination(address, p->family, s->epoch);
	party->identity = found.identity;
	if (cfg_host_endpoint && found.identity == IDENTITY_HOST)
		become_host(party, s->epoch);
	if (cfg_tunnel_device && found.node)
		place_on_node(party, found.node);
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
	if (!row || !has_address(row, s->loops ? &p->destination : &p->source, p->family))
		return DROP_INVALID_SOURCE_IP;
	return 0;
}

/* The number of the node that has the tunnel's other end, or 0. */
static __always_inline __u32 find_tunnel_node(const struct scratch *s)
{
	__u32 number =
		find_destination(&s->tunnel.node, cfg_tunnel_ipv6 ? 6 : 4, s->epoch).node;

	return number && is_node(number, &s->tunnel.node) ? number : 0;
}

/* Fills the sender by what the tunnel says of it. 0, or the reason of a drop. */
static __always_inline int find_tunnel_sender(struct scratch *s)
{
	const struct packet *p = &s->packet[THIS_PACKET];
	struct party *party = &s->party[SOURCE];
	__u32 node = find_tunnel_node(s);
	struct destination known;

	__builtin_memset(party, 0, sizeof(*party));
	s->trace.peer = PEER_IDENTITY | s->tunnel.identity;
	if (!node)
		return DROP_UNKNOWN_SENDER;
	place_on_node(party, node);
	party->identity = s->tunnel.identity;
	s->trace.source_identity = party->identity;
	if (!may_be_told(party->identity))
		return DROP_INVALID_IDENTITY;
	if ((p->family == 6 && is_link_local6(&p->source)) || is_loop_address(&p->source, p->family) ||
	    endpoint_at(endpoint_of_address(&p->source, p->family), s->epoch))
		return DROP_INVALID_SOURCE_IP;
	known = find_destination(&p->source, p->family, s->epoch);
	if (known.identity == IDENTITY_HOST)
		return DROP_INVALID_SOURCE_IP;
	/* A node says that it is one; what else it is stands here. */
	if (party->identity == IDENTITY_REMOTE_NODE && is_remote_node(known.identity))
		party->identity = s->trace.source_identity = known.identity;
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
	s->redirected = 0;
	s->trace.direction = origin == FROM_POD || origin == TO_NETWORK ? POLICY_EGRESS : POLICY_INGRESS;
}

/* The same of a packet of which only the device is known. Verified once: see scratch.h. */
__noinline int trace_device(struct __sk_buff *skb, __u32 origin)
{
	const struct endpoint *row = endpoint_of_device(skb->ifindex);
	struct scratch *s = scratch();

	if (!s)
		return 0;
	begin_trace(s, origin);
	s->trace.endpoint = row ? row->id : 0;
	s->trace.peer = skb->ifindex;
	return 0;
}

/* What a node sends outside the tunnel has no pod's address of another node: nobody outside is somebody
 * inside.
 */
static __always_inline bool came_by_no_tunnel(const struct party *sender)
{
	return sender->ifindex == PLACE_OVERLAY && !is_remote_node(sender->identity);
}

/* Whether a pod speaks to a tunnel as a node does. */
static __always_inline bool forges_tunnel(const struct packet *p, const struct party *destination)
{
	return cfg_tunnel_port && p->protocol == IPPROTO_UDP && p->destination_port == cfg_tunnel_port &&
	       (destination->identity == IDENTITY_HOST || is_remote_node(destination->identity));
}

/* Where a packet for this party may go, by where it came from. */
static __always_inline int check_place(const struct scratch *s, __u32 origin)
{
	const struct packet *p = &s->packet[THIS_PACKET];
	const struct party *destination = &s->party[DESTINATION];

	if (destination->endpoint || origin >= FROM_NETWORK)
		return 0;
	if (origin == FROM_NODE)
		return destination->ifindex == PLACE_OVERLAY ? 0 : DROP_NO_LOCAL_ENDPOINT;
	if (origin == FROM_OVERLAY)
		return destination->identity == IDENTITY_HOST && !ends_at_node(&p->destination, p->family)
			       ? 0
			       : DROP_NO_LOCAL_ENDPOINT;
	return forges_tunnel(p, destination) ? DROP_ENCAPSULATION_PROHIBITED : 0;
}

/* Whether a pod answers itself. */
static __always_inline bool is_to_itself(const struct scratch *s)
{
	const struct packet *p = &s->packet[THIS_PACKET];

	return is_loop_address(&p->destination, p->family);
}

/* What no socket of the node sends has the node's address for its source because the stack translated it: whoever
 * sent it, it was not the node.
 */
static __always_inline void forward(struct scratch *s)
{
	struct party *sender = &s->party[SOURCE];

	if (sender->identity != IDENTITY_HOST)
		return;
	s->forwarded = true;
	sender->policy = 0;
}

/* Fills both parties of the packet on its way. 0, or the reason of a drop. */
__noinline int identify(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	int reason;

	if (!s)
		return DROP_SCRATCH_MISSING;
	begin_trace(s, origin);
	s->forwarded = false;
	if (origin == FROM_POD) {
		reason = find_sender(skb, s);
		if (reason == DROP_UNKNOWN_SENDER)
			return reason;
		if (stays_on_link(&s->packet[THIS_PACKET], origin))
			return DROP_FORBIDDEN_ICMPV6;
		if (reason)
			return reason;
	} else if (origin == FROM_OVERLAY) {
		reason = find_tunnel_sender(s);
		if (reason)
			return reason;
	} else {
		/* A pod's packet may come by way of the stack, where the node translated its destination: its
		 * policy is asked about the new one. The proxy's packets have the addresses of the flow's ends.
		 */
		find_party(SOURCE, THIS_PACKET);
		if (cfg_host_endpoint && origin == FROM_NODE && !skb->sk)
			forward(s);
#ifdef MEETS_TRANSLATED /* Else whoever has the node's address is the node. */
		if (origin == FROM_NODE && !skb->sk && s->party[SOURCE].identity == IDENTITY_HOST)
			find_first_sender(skb);
#endif
		s->trace.source_identity = s->party[SOURCE].identity;
		s->trace.peer = PEER_IDENTITY | s->party[SOURCE].identity;
		if (stays_on_link(&s->packet[THIS_PACKET], origin))
			return DROP_FORBIDDEN_ICMPV6;
		if (is_loop_address(&s->packet[THIS_PACKET].source, s->packet[THIS_PACKET].family) ||
		    (origin != FROM_PROXY && came_by_no_tunnel(&s->party[SOURCE])))
			return DROP_INVALID_SOURCE_IP;
	}
	if (origin == FROM_POD && is_to_itself(s))
		s->party[DESTINATION] = s->party[SOURCE];
	else
		find_party(DESTINATION, THIS_PACKET);
	s->trace.destination_identity = s->party[DESTINATION].identity;
	return check_place(s, origin);
}

/* ---- whose flow an entry is --------------------------------------------------------------------- */

static __always_inline bool same_mac(const __u8 *a, const __u8 *b)
{
	for (int i = 0; i < ETH_ALEN; i++) {
		if (a[i] != b[i])
			return false;
	}
	return true;
}

/* Whether an end of a flow is another endpoint's by now, or nobody's, or was nobody's before. An endpoint
 * keeps its flows when its labels change or its device does, but an address and a number may both be given
 * to somebody else. What the flow began with tells: the device's own Ethernet address.
 */
static __always_inline bool is_others(const struct ct_side *side, __u32 identity,
				      const struct party *party)
{
	if (side->endpoint != party->endpoint)
		return true;
	return side->endpoint && identity != party->identity && !same_mac(side->mac, party->mac);
}

/* Whether s->fresh, the entry of this packet's key, is a flow of other endpoints than those that have the
 * addresses now. Verified once: see scratch.h.
 */
__noinline int is_flow_of_others(__u32 which)
{
	const struct scratch *s = scratch();
	__u32 sender;

	if (!s)
		return true;
	sender = s->key[which & 1].sender & 1;
	return is_others(&s->fresh.side[sender], s->fresh.identity[sender], &s->party[SOURCE]) ||
	       is_others(&s->fresh.side[!sender], s->fresh.identity[!sender], &s->party[DESTINATION]);
}

/* A pod's identity, on whatever node. */
static __always_inline bool is_pods(__u32 identity)
{
	return identity >= IDENTITY_MIN_AGGREGATED && !(identity >> 24);
}

/* Whether an address beyond this node may be another pod's by now. Whether it is, or its pod has other
 * labels, nobody can say. What is outside the cluster stays who it is, whichever prefix names it.
 */
static __always_inline bool may_be_anothers(__u32 identity, const struct party *party)
{
	return !party->endpoint && identity != party->identity &&
	       (is_pods(identity) || is_pods(party->identity));
}
