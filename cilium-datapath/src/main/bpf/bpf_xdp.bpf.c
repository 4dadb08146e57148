// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What comes in from the network, before the kernel has made a packet of it: the devices that lead out of the node,
 * as long as the list of prefixes to drop is not empty. What is not on the list is left alone.
 */
#include "lib/events.h"
#include "lib/prefilter.h"

#define ETH_TYPE_VLAN 0x8100
#define ETH_TYPE_VLANS 0x88a8
#define MAX_VLAN_TAGS 2

struct vlan_tag {
	__be16 id;
	__be16 type;
};

/* Where the IP header stands; *type gets what it is. */
static __always_inline void *skip_ethernet(struct xdp_md *xdp, __be16 *type)
{
	void *end = (void *)(long)xdp->data_end;
	struct ethhdr *eth = (void *)(long)xdp->data;
	struct vlan_tag *tag = (void *)(eth + 1);
	int i;

	if ((void *)(eth + 1) > end)
		return NULL;
	*type = eth->h_proto;
#pragma unroll
	for (i = 0; i < MAX_VLAN_TAGS; i++) {
		if (*type != bpf_htons(ETH_TYPE_VLAN) && *type != bpf_htons(ETH_TYPE_VLANS))
			break;
		if ((void *)(tag + 1) > end)
			return NULL;
		*type = tag->type;
		tag++;
	}
	return tag;
}

/* Fills in what an event says of the ports, as far as they stand right here. */
static __always_inline void read_ports(struct packet *p, const void *l4, const void *end)
{
	const struct ports *ports = l4;

	if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP && p->protocol != IPPROTO_SCTP)
		return;
	if ((const void *)(ports + 1) > end)
		return;
	p->source_port = ports->source;
	p->destination_port = ports->destination;
}

static __always_inline int drop_source(struct xdp_md *xdp, const struct packet *p)
{
	__u32 bytes = (long)xdp->data_end - (long)xdp->data;
	struct scratch *s = scratch();

	count(DROP_PREFILTER, POLICY_INGRESS, bytes);
	record(TEST_DROP, 0, DROP_PREFILTER, 0);
	if (!s)
		return XDP_DROP;
	s->now = now_seconds();
	s->packet[THIS_PACKET] = *p;
	__builtin_memset(&s->trace, 0, sizeof(s->trace));
	s->trace.direction = POLICY_INGRESS;
	s->trace.source_identity = IDENTITY_WORLD;
	s->trace.peer = xdp->ingress_ifindex;
	send_event(DROP_PREFILTER);
	return XDP_DROP;
}

SEC("xdp")
int cil_xdp_entry(struct xdp_md *xdp)
{
	void *end = (void *)(long)xdp->data_end;
	struct packet p = {};
	__be16 type = 0;
	void *l3 = skip_ethernet(xdp, &type);

	if (!l3)
		return XDP_PASS;
	if (type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = l3;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		p.family = 4;
		p.source.word[3] = ip->saddr;
		if (!prefilter4(&p.source))
			return XDP_PASS;
		p.destination.word[3] = ip->daddr;
		p.protocol = ip->protocol;
		if (ip->ihl == 5 && !(ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)))
			read_ports(&p, ip + 1, end);
		return drop_source(xdp, &p);
	}
	if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = l3;

		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		p.family = 6;
		__builtin_memcpy(&p.source, &ip->saddr, sizeof(p.source));
		if (!prefilter6(&p.source))
			return XDP_PASS;
		__builtin_memcpy(&p.destination, &ip->daddr, sizeof(p.destination));
		p.protocol = ip->nexthdr;
		read_ports(&p, ip + 1, end);
		return drop_source(xdp, &p);
	}
	return XDP_PASS;
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
