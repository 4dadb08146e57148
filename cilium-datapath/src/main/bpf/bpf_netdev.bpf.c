// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What comes in from the network: ingress of each device that leads out of the node. Nobody outside is
 * somebody inside: a packet with the address of a local endpoint, or of the node itself, as its source is
 * forged. All others are passed on to whatever else is on the device.
 */
#include "lib/party.h"

/* Whether the address is one that only this node sends from. */
static __always_inline bool is_ours(const struct packet *p, __u64 epoch)
{
	if (endpoint_at(endpoint_of_address(&p->source, p->family), epoch))
		return true;
	/* Link-local addresses are not the node's alone. */
	if (p->family == 6 && is_link_local6(&p->source))
		return false;
	return identity_of_address(&p->source, p->family, epoch) == IDENTITY_HOST;
}

SEC("tc")
int cil_from_netdev(struct __sk_buff *skb)
{
	struct scratch *s = scratch();
	struct packet p = {};
	int reason;

	if (!s)
		return TC_ACT_UNSPEC;
	/* The length does not matter here, so that what the stack takes is never passed unread. */
	p.end = skb->len;
	if (skb->protocol == bpf_htons(ETH_P_IP))
		reason = parse_ipv4(skb, &p, ETH_HLEN, QUOTED);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		reason = parse_ipv6(skb, &p, ETH_HLEN, QUOTED);
	else
		return TC_ACT_UNSPEC;
	if (reason || !is_ours(&p, current_epoch())) {
		record(TEST_PASS, 0, 0, 0);
		return TC_ACT_UNSPEC;
	}
	s->packet[THIS_PACKET] = p;
	begin_trace(s, FROM_NODE);
	s->trace.peer = skb->ifindex;
	return drop(skb, DROP_INVALID_SOURCE_IP);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
