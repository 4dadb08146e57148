/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a pod is answered that asks a service which cannot serve, in the name of the address that it asked: TCP by
 * a reset (RFC 9293, 3.10.7.1), UDP and SCTP by the ICMP error that the port is unreachable. The answer takes the
 * packet's place. The same as memory.Refusal in Java.
 */
#pragma once

#include "deliver.h"

#define QUOTED_TRANSPORT_BYTES 8
#define ICMP_PORT_UNREACH 3
#define ICMPV6_DEST_UNREACH_TYPE 1
#define ICMPV6_PORT_UNREACH_CODE 4
#define REFUSAL_HOPS 64

struct tcp_header {
	__be16 source, destination;
	__be32 seq, ack;
	__u8 offset, flags;
	__be16 window;
	__sum16 check;
	__be16 urgent;
};

struct icmp_header {
	__u8 type, code;
	__sum16 check;
	__be32 unused;
};

/* What is known to be no more than REFUSAL_BYTES, said so that the verifier knows it too. */
static __always_inline __u32 bounded(__u32 bytes)
{
	barrier_var(bytes);
	return bytes & (2 * REFUSAL_BYTES - 1);
}

static __always_inline __sum16 folded(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* How many bytes the answer has behind its IP header; 0 for no answer. */
static __always_inline __u32 write_reset(struct __sk_buff *skb, const struct packet *p,
					 struct tcp_header *reset)
{
	struct tcp_header sent;
	__u32 data, header;

	if (p->tcp_flags & TCP_RST || bpf_skb_load_bytes(skb, p->l4_offset, &sent, sizeof(sent)))
		return 0;
	header = p->l4_offset + (sent.offset >> 4) * 4;
	data = p->end > header ? p->end - header : 0;
	data += (sent.flags & TCP_SYN ? 1 : 0) + (sent.flags & TCP_FIN ? 1 : 0);
	__builtin_memset(reset, 0, sizeof(*reset));
	reset->source = sent.destination;
	reset->destination = sent.source;
	reset->offset = sizeof(*reset) / 4 << 4;
	if (sent.flags & TCP_ACK) {
		reset->seq = sent.ack;
		reset->flags = TCP_RST;
	} else {
		reset->ack = bpf_htonl(bpf_ntohl(sent.seq) + data);
		reset->flags = TCP_RST | TCP_ACK;
	}
	return sizeof(*reset);
}

static __always_inline __u32 write_unreachable(struct __sk_buff *skb, const struct packet *p, __u8 *segment)
{
	__u32 quoted = p->l4_offset - ETH_HLEN + QUOTED_TRANSPORT_BYTES;
	struct icmp_header *icmp = (struct icmp_header *)segment;

	if (p->l4_offset + QUOTED_TRANSPORT_BYTES > p->end || quoted > REFUSAL_BYTES - sizeof(*icmp))
		return 0;
	quoted = bounded(quoted);
	if (!quoted || bpf_skb_load_bytes(skb, ETH_HLEN, segment + sizeof(*icmp), quoted))
		return 0;
	icmp->type = p->family == 4 ? ICMP_DEST_UNREACH : ICMPV6_DEST_UNREACH_TYPE;
	icmp->code = p->family == 4 ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH_CODE;
	icmp->check = 0;
	icmp->unused = 0;
	return sizeof(*icmp) + quoted;
}

static __always_inline long write_ip(struct __sk_buff *skb, const struct refusal *answer, __u8 family,
				     __u32 bytes)
{
	if (family == 4) {
		struct iphdr ip = { .version = 4, .ihl = 5, .ttl = REFUSAL_HOPS };

		ip.tot_len = bpf_htons(sizeof(ip) + bytes);
		ip.protocol = bpf_ntohl(answer->protocol);
		ip.saddr = answer->source.word[3];
		ip.daddr = answer->destination.word[3];
		ip.check = folded(bpf_csum_diff(NULL, 0, (__be32 *)&ip, sizeof(ip), 0));
		return bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0);
	} else {
		struct ipv6hdr ip = { .version = 6, .hop_limit = REFUSAL_HOPS };

		ip.payload_len = bpf_htons(bytes);
		ip.nexthdr = bpf_ntohl(answer->protocol);
		__builtin_memcpy(&ip.saddr, &answer->source, sizeof(ip.saddr));
		__builtin_memcpy(&ip.daddr, &answer->destination, sizeof(ip.daddr));
		return bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0);
	}
}

/* Answers the packet on its way, which is dropped: what the kernel is told. Verified once: see scratch.h. */
__noinline int refuse(struct __sk_buff *skb)
{
	const struct endpoint *row = endpoint_of_device(skb->ifindex);
	struct scratch *s = scratch();
	__u32 bytes, headers, protocol;
	struct refusal *answer;
	const struct packet *p;
	__sum16 sum;

	if (!s || !row)
		return TC_ACT_SHOT;
	p = &s->packet[THIS_PACKET];
	answer = &s->refusal;
	if (p->fragment == FRAGMENT_LATER)
		return TC_ACT_SHOT;
	if (p->protocol == IPPROTO_TCP) {
		bytes = write_reset(skb, p, (struct tcp_header *)answer->segment);
		protocol = IPPROTO_TCP;
	} else if (p->protocol == IPPROTO_UDP || p->protocol == IPPROTO_SCTP) {
		bytes = write_unreachable(skb, p, answer->segment);
		protocol = p->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	} else {
		return TC_ACT_SHOT;
	}
	bytes = bounded(bytes);
	if (!bytes)
		return TC_ACT_SHOT;
	answer->source = p->destination;
	answer->destination = p->source;
	answer->bytes = bpf_htonl(bytes);
	answer->protocol = bpf_htonl(protocol);
	/* ICMP of IPv4 is not about addresses. */
	if (protocol == IPPROTO_ICMP)
		sum = folded(bpf_csum_diff(NULL, 0, (__be32 *)answer->segment, bytes, 0));
	else
		sum = folded(bpf_csum_diff(NULL, 0, (__be32 *)answer,
					   offsetof(struct refusal, segment) + bytes, 0));
	if (protocol == IPPROTO_TCP)
		((struct tcp_header *)answer->segment)->check = sum;
	else
		((struct icmp_header *)answer->segment)->check = sum;
	headers = ETH_HLEN + (p->family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
	if (bpf_skb_change_tail(skb, headers + bytes, 0) || write_ip(skb, answer, p->family, bytes) ||
	    bpf_skb_store_bytes(skb, headers, answer->segment, bytes, 0) || !readdress(skb, row->mac))
		return TC_ACT_SHOT;
	return redirect_into(skb->ifindex);
}
