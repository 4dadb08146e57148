/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* From bytes to a five-tuple. Every length is checked; nothing is believed. */
#pragma once

#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "drop.h"
#include "maps.h"

/* A packet with more extension headers than this is dropped: no sane sender writes them. */
#define MAX_IPV6_EXTENSIONS 4

/* Of RFC 792; the kernel's own header for them pulls in the C library. */
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_ECHO 8
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_HEADER_BYTES 8

#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_MORE_FRAGMENTS 0x0001

struct packet {
	struct ip_addr source;
	struct ip_addr destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 family; /* 4 or 6 */
	__u8 tcp_flags;
	__u8 icmp_type;
	__u16 l4_offset; /* from the first byte of the frame */
	bool icmp_error; /* carries the packet that it is about */
	bool icmp_echo;
};

/* Neighbour discovery, which only the node's own stack answers. */
#define ICMPV6_NEIGHBOUR_SOLICITATION 135
#define ICMPV6_NEIGHBOUR_ADVERTISEMENT 136

struct ports {
	__be16 source;
	__be16 destination;
};

struct ipv6_extension {
	__u8 next;
	__u8 length; /* of 8 bytes, the first 8 not counted */
};

struct ipv6_fragment {
	__u8 next;
	__u8 reserved;
	__be16 offset;
	__be32 id;
};

static __always_inline bool is_icmp(__u8 protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* Headers within so many bytes are read in place, which the verifier allows up to a known offset only. */
#define MAX_DIRECT_OFFSET 256

/* Reads a header into *to, whose type tells how long it is: in place where the kernel has it in one piece,
 * which takes less time, else by the helper. 0 if it is there.
 */
#define load_header(skb, offset, to)                                                                   \
	({                                                                                             \
		void *end_ = (void *)(long)(skb)->data_end;                                            \
		__u32 offset_ = (offset);                                                              \
		typeof(to) header_ = (void *)(long)(skb)->data + (offset_ & (MAX_DIRECT_OFFSET - 1));  \
		long error_ = 0;                                                                       \
                                                                                                       \
		if (offset_ < MAX_DIRECT_OFFSET && (void *)(header_ + 1) <= end_)                      \
			*(to) = *header_;                                                              \
		else                                                                                   \
			error_ = bpf_skb_load_bytes(skb, offset_, to, sizeof(*(to)));                  \
		error_;                                                                                \
	})

/* Ports from the transport header at p->l4_offset. */
static __always_inline int parse_l4(struct __sk_buff *skb, struct packet *p)
{
	switch (p->protocol) {
	case IPPROTO_TCP: {
		struct {
			struct ports ports;
			__be32 seq, ack;
			__u8 offset, flags;
			__be16 window;
		} tcp;

		if (load_header(skb, p->l4_offset, &tcp))
			return DROP_CT_INVALID_HEADER;
		p->source_port = tcp.ports.source;
		p->destination_port = tcp.ports.destination;
		p->tcp_flags = tcp.flags;
		return 0;
	}
	case IPPROTO_UDP:
	case IPPROTO_SCTP: {
		struct ports ports;

		if (load_header(skb, p->l4_offset, &ports))
			return DROP_CT_INVALID_HEADER;
		p->source_port = ports.source;
		p->destination_port = ports.destination;
		return 0;
	}
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: {
		struct {
			__u8 type, code;
			__be16 checksum, id, sequence;
		} icmp;
		bool v4 = p->protocol == IPPROTO_ICMP;

		if (bpf_skb_load_bytes(skb, p->l4_offset, &icmp, sizeof(icmp)))
			return DROP_CT_INVALID_HEADER;
		p->icmp_type = icmp.type;
		p->icmp_echo = v4 ? icmp.type == ICMP_ECHO || icmp.type == ICMP_ECHOREPLY
				  : icmp.type == ICMPV6_ECHO_REQUEST || icmp.type == ICMPV6_ECHO_REPLY;
		p->icmp_error = v4 ? icmp.type == ICMP_DEST_UNREACH ||
					     icmp.type == ICMP_TIME_EXCEEDED ||
					     icmp.type == ICMP_PARAMETERPROB
				   : icmp.type < 128;
		if (p->icmp_echo) {
			p->source_port = icmp.id;
			p->destination_port = icmp.id;
		} else {
			p->destination_port = bpf_htons(icmp.type);
		}
		return 0;
	}
	default:
		return 0;
	}
}

/* Ports of a fragment: the first one teaches them, later ones ask for them. */
static __noinline int parse_fragment(struct __sk_buff *skb, struct packet *p, __be32 id, bool first)
{
	struct frag_key key = {
		.source = p->source,
		.destination = p->destination,
		.id = id,
		.protocol = p->protocol,
	};
	struct frag_ports ports = {}, *known;
	int error;

	if (first) {
		error = parse_l4(skb, p);
		if (error)
			return error;
		ports.source = p->source_port;
		ports.destination = p->destination_port;
		ports.icmp_type = p->icmp_type;
		ports.icmp_echo = p->icmp_echo;
		bpf_map_update_elem(&cilium_frags, &key, &ports, BPF_ANY);
		return 0;
	}
	known = bpf_map_lookup_elem(&cilium_frags, &key);
	if (!known)
		return DROP_FRAGMENT_NOT_FOUND;
	p->source_port = known->source;
	p->destination_port = known->destination;
	p->icmp_type = known->icmp_type;
	p->icmp_echo = known->icmp_echo;
	return 0;
}

static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *p, __u32 offset)
{
	struct iphdr ip;
	__u16 fragment;

	if (load_header(skb, offset, &ip))
		return DROP_INVALID_PACKET;
	if (ip.version != 4 || ip.ihl < 5)
		return DROP_INVALID_PACKET;
	p->family = 4;
	p->source.word[3] = ip.saddr;
	p->destination.word[3] = ip.daddr;
	p->protocol = ip.protocol;
	p->l4_offset = offset + ip.ihl * 4;
	fragment = bpf_ntohs(ip.frag_off);
	if (fragment & (IPV4_FRAGMENT_OFFSET | IPV4_MORE_FRAGMENTS))
		return parse_fragment(skb, p, ip.id, !(fragment & IPV4_FRAGMENT_OFFSET));
	return parse_l4(skb, p);
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *p, __u32 offset)
{
	struct ipv6_extension extension;
	struct ipv6_fragment fragment;
	struct ipv6hdr ip;
	bool fragmented = false;
	__u8 next;

	if (load_header(skb, offset, &ip))
		return DROP_INVALID_PACKET;
	if (ip.version != 6)
		return DROP_INVALID_PACKET;
	p->family = 6;
	__builtin_memcpy(&p->source, &ip.saddr, sizeof(p->source));
	__builtin_memcpy(&p->destination, &ip.daddr, sizeof(p->destination));
	next = ip.nexthdr;
	offset += sizeof(ip);
	for (int i = 0; i < MAX_IPV6_EXTENSIONS; i++) {
		if (next == IPPROTO_FRAGMENT) {
			if (fragmented || bpf_skb_load_bytes(skb, offset, &fragment, sizeof(fragment)))
				return DROP_INVALID_PACKET;
			next = fragment.next;
			offset += sizeof(fragment);
			fragmented = true;
		} else if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
			   next == IPPROTO_DSTOPTS) {
			/* Behind a later fragment's header stands data, not another header. */
			if (fragmented && (fragment.offset & bpf_htons(IPV6_FRAGMENT_OFFSET)))
				break;
			if (bpf_skb_load_bytes(skb, offset, &extension, sizeof(extension)))
				return DROP_INVALID_PACKET;
			next = extension.next;
			offset += (extension.length + 1) * 8;
		} else {
			break;
		}
	}
	if (next == IPPROTO_FRAGMENT || next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
	    next == IPPROTO_DSTOPTS)
		return DROP_INVALID_PACKET;
	p->protocol = next;
	p->l4_offset = offset;
	if (fragmented &&
	    (fragment.offset & bpf_htons(IPV6_FRAGMENT_OFFSET | IPV6_MORE_FRAGMENTS)))
		return parse_fragment(skb, p, fragment.id,
				      !(fragment.offset & bpf_htons(IPV6_FRAGMENT_OFFSET)));
	return parse_l4(skb, p);
}

/* Fills p, which must be zero. 0, or the reason of a drop. */
static __always_inline int parse_packet(struct __sk_buff *skb, struct packet *p)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return parse_ipv4(skb, p, ETH_HLEN);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return parse_ipv6(skb, p, ETH_HLEN);
	return DROP_UNSUPPORTED_L3;
}

/* The packet that an ICMP error is about, as the error quotes it. Its transport header is quoted to
 * at least eight bytes, so TCP flags may be missing and ports never are.
 */
static __noinline int parse_quoted(struct __sk_buff *skb, const struct packet *error,
				   struct packet *quoted)
{
	__u32 offset = error->l4_offset + ICMP_HEADER_BYTES;
	struct ports ports;

	if (error->family == 4) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5)
			return DROP_INVALID_PACKET;
		quoted->source.word[3] = ip.saddr;
		quoted->destination.word[3] = ip.daddr;
		quoted->protocol = ip.protocol;
		offset += ip.ihl * 4;
	} else {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes(skb, offset, &ip, sizeof(ip)) || ip.version != 6)
			return DROP_INVALID_PACKET;
		__builtin_memcpy(&quoted->source, &ip.saddr, sizeof(quoted->source));
		__builtin_memcpy(&quoted->destination, &ip.daddr, sizeof(quoted->destination));
		quoted->protocol = ip.nexthdr;
		offset += sizeof(ip);
	}
	quoted->family = error->family;
	quoted->l4_offset = offset;
	if (is_icmp(quoted->protocol))
		return parse_l4(skb, quoted);
	if (bpf_skb_load_bytes(skb, offset, &ports, sizeof(ports)))
		return DROP_INVALID_PACKET;
	quoted->source_port = ports.source;
	quoted->destination_port = ports.destination;
	return 0;
}
