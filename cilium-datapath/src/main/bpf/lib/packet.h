/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* From bytes to a flow's ends. Every length is checked, and it is the IP header's: what stands behind the
 * packet in its frame is nobody's word.
 */
#pragma once

#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "common.h"
#include "drop.h"

/* A packet with more headers between IP and transport than this is dropped: no sane sender writes them. */
#define MAX_WALKED_HEADERS 4

/* Of RFC 792; the kernel's own header for them pulls in the C library. */
#define ICMP_DEST_UNREACH 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_HEADER_BYTES 8

/* Neighbour discovery, which only the node's own stack answers. */
#define ICMPV6_NEIGHBOUR_SOLICITATION 135
#define ICMPV6_NEIGHBOUR_ADVERTISEMENT 136

#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_MORE_FRAGMENTS 0x0001

enum icmp_kind {
	ICMP_NONE,
	ICMP_QUERY,   /* wants an answer, and is told apart by an identifier */
	ICMP_ANSWER,  /* to a query */
	ICMP_ERROR,   /* carries the packet that it is about */
	ICMP_MESSAGE, /* anything else */
};

enum fragment_kind {
	FRAGMENT_NONE,
	FRAGMENT_FIRST,
	FRAGMENT_LATER,  /* its ports are the first one's */
	FRAGMENT_ORPHAN, /* a later one whose first one was not seen */
};

struct packet {
	struct ip_addr source;
	struct ip_addr destination;
	/* Of ICMP the asker's is the identifier, or 0, the other end's the type that is asked. */
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 family; /* 4 or 6 */
	__u8 tcp_flags;
	__u8 icmp_type;
	__u8 icmp_kind;
	__u8 fragment;
	__u8 fragment_protocol; /* what the fragments themselves call theirs */
	__u8 hop_limit;
	__be32 fragment_id;
	__u32 l4_offset; /* from the first byte of the frame */
	__u32 end;       /* behind the last byte of the packet */
};

struct ports {
	__be16 source;
	__be16 destination;
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

#define IS_ANSWER 0x100

/* The type that an ICMP query or answer asks, with IS_ANSWER for the latter; 0 for other messages. */
static __always_inline __u32 icmp_asked(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_ICMP) {
		switch (type) {
		case 0: /* echo */
			return IS_ANSWER | 8;
		case 8:
		case 13: /* timestamp */
		case 15: /* information */
		case 17: /* address mask */
		case 42: /* extended echo */
			return type;
		case 14:
		case 16:
		case 18:
		case 43:
			return IS_ANSWER | (type - 1);
		default:
			return 0;
		}
	}
	switch (type) {
	case ICMPV6_ECHO_REQUEST:
	case 139: /* node information */
	case 160: /* extended echo */
		return type;
	case ICMPV6_ECHO_REPLY:
	case 140:
	case 161:
		return IS_ANSWER | (type - 1);
	default:
		return 0;
	}
}

static __always_inline bool is_icmp_error(__u8 protocol, __u8 type)
{
	if (protocol == IPPROTO_ICMPV6)
		return type < 128;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* What becomes of the ports where nobody asks and nobody answers. */
static __always_inline void make_message(struct packet *p)
{
	p->icmp_kind = is_icmp_error(p->protocol, p->icmp_type) ? ICMP_ERROR : ICMP_MESSAGE;
	p->source_port = 0;
	p->destination_port = bpf_htons(p->icmp_type);
}

/* What an ICMP header says, in one register: 0 where there is none, else
 *   bits 47-32 the identifier as on the wire,
 *   bits 31-24 the kind,
 *   bits 23-8  the type that is asked as a port, as on the wire,
 *   bits 7-0   the type.
 */
#define SAYS_ID_SHIFT 32
#define SAYS_KIND_SHIFT 24
#define SAYS_PORT_SHIFT 8

/* Not static, and with numbers for arguments: so the verifier reads it once. */
__noinline __u64 read_icmp(struct __sk_buff *skb, __u32 offset, __u32 protocol)
{
	struct {
		__u8 type, code;
		__be16 checksum, id, sequence;
	} icmp;
	__u32 asked, kind;

	if (bpf_skb_load_bytes(skb, offset, &icmp, sizeof(icmp)))
		return 0;
	asked = icmp_asked(protocol, icmp.type);
	if (asked)
		kind = asked & IS_ANSWER ? ICMP_ANSWER : ICMP_QUERY;
	else
		kind = is_icmp_error(protocol, icmp.type) ? ICMP_ERROR : ICMP_MESSAGE;
	if (!asked)
		icmp.id = 0;
	return (__u64)icmp.id << SAYS_ID_SHIFT | kind << SAYS_KIND_SHIFT |
	       (__u32)bpf_htons(asked ? asked & 0xff : icmp.type) << SAYS_PORT_SHIFT | icmp.type;
}

static __always_inline int parse_icmp(struct __sk_buff *skb, struct packet *p)
{
	__u64 says = read_icmp(skb, p->l4_offset, p->protocol);
	__be16 port = says >> SAYS_PORT_SHIFT, id = says >> SAYS_ID_SHIFT;

	if (!says)
		return DROP_CT_INVALID_HEADER;
	p->icmp_type = says;
	p->icmp_kind = says >> SAYS_KIND_SHIFT;
	p->source_port = p->icmp_kind == ICMP_ANSWER ? port : id;
	p->destination_port = p->icmp_kind == ICMP_ANSWER ? id : port;
	return 0;
}

/* Without options. What is sent has all of it, also as a fragment; an error may quote less. */
#define TCP_HEADER_BYTES 20
#define WHOLE_TCP true
#define QUOTED_TCP false

/* Ports from the transport header at p->l4_offset. */
static __always_inline int parse_l4(struct __sk_buff *skb, struct packet *p, bool whole_tcp)
{
	struct {
		struct ports ports;
		__be32 seq, ack;
		__u8 offset, flags;
		__be16 window;
	} tcp;
	struct ports ports;

	switch (p->protocol) {
	case IPPROTO_TCP:
		if (!whole_tcp)
			break;
		if (p->l4_offset + TCP_HEADER_BYTES > p->end || load_header(skb, p->l4_offset, &tcp))
			return DROP_CT_INVALID_HEADER;
		p->source_port = tcp.ports.source;
		p->destination_port = tcp.ports.destination;
		p->tcp_flags = tcp.flags;
		return 0;
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (p->l4_offset + ICMP_HEADER_BYTES > p->end)
			return DROP_CT_INVALID_HEADER;
		return parse_icmp(skb, p);
	default:
		return 0;
	}
	if (p->l4_offset + sizeof(ports) > p->end || load_header(skb, p->l4_offset, &ports))
		return DROP_CT_INVALID_HEADER;
	p->source_port = ports.source;
	p->destination_port = ports.destination;
	return 0;
}

/* Where a walk ended. */
struct walk {
	__u32 offset;
	__be32 fragment_id;
	__u16 fragment; /* offset and flag as in the header, in host order */
	__u8 protocol;
	__u8 fragment_protocol;
	bool fragmented;
};

static __always_inline bool is_walked(__u8 family, __u8 next)
{
	if (family == 4)
		return next == IPPROTO_AH;
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_AH || next == IPPROTO_DSTOPTS;
}

/* ---- IP -------------------------------------------------------------------------------------- */

/* Of a frame whose header does not say how long the packet is, as that of merged segments, or in a jumbo
 * option.
 */
static __always_inline bool says_no_length(struct __sk_buff *skb, __u16 length, __u8 next)
{
	return !length && (skb->gso_size || next == IPPROTO_HOPOPTS);
}

/* How a packet is read: as what is sent, whose length must be right, or as what an error quotes, which is
 * only its beginning.
 */
#define SENT true
#define QUOTED false

static __always_inline int parse_ipv4(struct __sk_buff *skb, struct packet *p, __u32 offset, bool sent)
{
	struct iphdr ip;
	__u32 length;
	__u16 fragment;

	if (load_header(skb, offset, &ip) || ip.version != 4 || ip.ihl < 5)
		return DROP_INVALID_PACKET;
	p->family = 4;
	p->source.half[1] = last_word(ip.saddr);
	p->destination.half[1] = last_word(ip.daddr);
	p->protocol = ip.protocol;
	p->hop_limit = ip.ttl;
	p->l4_offset = offset + ip.ihl * 4;
	p->fragment_id = bpf_htonl(bpf_ntohs(ip.id));
	p->fragment_protocol = ip.protocol;
	if (sent) {
		length = bpf_ntohs(ip.tot_len);
		p->end = says_no_length(skb, length, IPPROTO_IP + 1) ? skb->len : offset + length;
		if (p->end > skb->len)
			return DROP_INVALID_PACKET;
	}
	if (p->l4_offset > p->end)
		return DROP_INVALID_PACKET;
	fragment = bpf_ntohs(ip.frag_off);
	if (fragment & IPV4_FRAGMENT_OFFSET) {
		p->fragment = FRAGMENT_LATER;
		return 0;
	}
	if (fragment & IPV4_MORE_FRAGMENTS)
		p->fragment = FRAGMENT_FIRST;
	return 0;
}

static __always_inline int parse_ipv6(struct __sk_buff *skb, struct packet *p, __u32 offset, bool sent)
{
	/* Aligned as a struct ip_addr, so that addresses are written by halves. */
	struct ipv6hdr ip __attribute__((aligned(8)));
	__u32 length;

	if (load_header(skb, offset, &ip) || ip.version != 6)
		return DROP_INVALID_PACKET;
	p->family = 6;
	__builtin_memcpy(&p->source, &ip.saddr, sizeof(p->source));
	__builtin_memcpy(&p->destination, &ip.daddr, sizeof(p->destination));
	p->protocol = ip.nexthdr;
	p->hop_limit = ip.hop_limit;
	p->l4_offset = offset + sizeof(ip);
	if (sent) {
		length = bpf_ntohs(ip.payload_len);
		p->end = says_no_length(skb, length, ip.nexthdr) ? skb->len : p->l4_offset + length;
		if (p->end > skb->len)
			return DROP_INVALID_PACKET;
	}
	return p->l4_offset > p->end ? DROP_INVALID_PACKET : 0;
}
