// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What comes in from the network: ingress of the node's external devices. Nobody outside is somebody inside:
 * a packet with the source of a local endpoint or of the node is a forgery. Everything else is somebody
 * else's business, and goes on to the next program and to the stack.
 */
/* The parser's functions for other programs. */
#pragma clang diagnostic ignored "-Wunused-function"

#include "lib/events.h"
#include "lib/identity.h"

/* Reads addresses and protocol from the network header on, since not every device has an Ethernet one. 0 if
 * it is IPv4 or IPv6.
 */
static __always_inline int read_addresses(struct __sk_buff *skb, struct packet *p)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
			return -1;
		p->family = 4;
		p->protocol = ip.protocol;
		p->source.word[3] = ip.saddr;
		p->destination.word[3] = ip.daddr;
		return 0;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof(ip), BPF_HDR_START_NET))
			return -1;
		p->family = 6;
		p->protocol = ip.nexthdr;
		__builtin_memcpy(&p->source, &ip.saddr, sizeof(p->source));
		__builtin_memcpy(&p->destination, &ip.daddr, sizeof(p->destination));
		return 0;
	}
	return -1;
}

/* fe80::/10 is the node's on every link, and everybody else's as well. */
static __always_inline bool is_link_local(const struct packet *p)
{
	return p->family == 6 && (p->source.word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

SEC("tc")
int cil_from_netdev(struct __sk_buff *skb)
{
	struct trace trace = { .source_identity = IDENTITY_WORLD };
	struct packet p = {};
	const struct endpoint *row;
	__u64 epoch;

	if (read_addresses(skb, &p) || is_link_local(&p))
		return TC_ACT_UNSPEC;
	epoch = current_epoch();
	row = endpoint_of_address(&p.source, p.family);
	if (!endpoint_at(row, epoch) && identity_of_address(&p.source, p.family, epoch) != IDENTITY_HOST)
		return TC_ACT_UNSPEC;
	return drop(skb, &p, &trace, DROP_INVALID_SOURCE_IP);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
