/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What every program needs: the kernel's types, the helpers, and the constants that user space sets
 * before the object is loaded. A constant in .rodata costs nothing per packet: the verifier knows its
 * value and drops the branches that it rules out.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif

/* A second of the programs is 2^30 ns, 7 % longer than a real one: a shift instead of a division for every
 * packet. Lifetimes and limits can bear that.
 */
#define SECOND_SHIFT 30

/* Id of our own cluster; decides the aggregate of an identity. */
const volatile __u32 cfg_cluster_id = 0;
/* bpf_redirect_peer is there (5.10). Without it a packet leaves through the receiver's device. */
const volatile bool cfg_redirect_peer = true;
/* bpf_ktime_get_coarse_ns is there (5.11); it costs a fraction of the exact clock. */
const volatile bool cfg_coarse_clock = true;
/* Events of one endpoint, peer and reason that may be sent in a second. */
const volatile __u32 cfg_events_per_second = 100;
/* Flows of each family that one owner may have in the main conntrack table in any case. */
const volatile __u32 cfg_ct_share = 16384;
/* Flows of each family that all owners together may have there beyond their shares. */
const volatile __u32 cfg_ct_spare = 65536;
/* Index of the tunnel's device, 0 where packets for other nodes' pods go by the node's routes. */
const volatile __u32 cfg_tunnel_device = 0;
/* Whether nodes reach each other by IPv6. */
const volatile bool cfg_tunnel_ipv6 = false;
/* UDP port of the tunnel, as it stands in packets; 0 where there is none. */
const volatile __be16 cfg_tunnel_port = 0;
/* Index of the device that leads to the proxy's namespace, 0 where there is no proxy. */
const volatile __u32 cfg_proxy_device = 0;
/* Ethernet address of the device inside. */
const volatile __u8 cfg_proxy_mac[ETH_ALEN] = {};
/* Number of the node's own endpoint, 0 where nobody restricts the node (no host firewall). */
const volatile __u32 cfg_host_endpoint = 0;
/* Whether a pod that asks a service which cannot serve is told so. */
const volatile bool cfg_refuse = true;
/* Report every packet that passes. */
const volatile bool cfg_trace_all = false;
/* How often, in seconds, a flow that goes on is reported again; 0 for never. */
const volatile __u32 cfg_trace_interval = 0;
/* Write down where each packet goes, for test runs. */
const volatile bool cfg_test = false;

/* An address of either family; IPv4 in the last word, the first three zero. */
struct ip_addr {
	union {
		__be32 word[4];
		__u64 half[2];
	};
};

/* The upper bits of an address's hash. The same as ebpf.NearEpochs in Java: both halves as this machine reads
 * eight bytes.
 */
static __always_inline __u32 address_hash(const struct ip_addr *address, __u32 bits)
{
	__u64 mixed = address->half[0] * 0x9e3779b97f4a7c15ULL + address->half[1];

	return (mixed * 0x9e3779b97f4a7c15ULL) >> (64 - bits);
}

/* The lower half of an IPv4 address. Halves are written as a whole where they are read as a whole soon: a
 * processor waits for bytes that two writes put there.
 */
static __always_inline __u64 last_word(__be32 word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)word << 32;
#else
	return word;
#endif
}

static __always_inline bool same_address(const struct ip_addr *a, const struct ip_addr *b)
{
	return a->half[0] == b->half[0] && a->half[1] == b->half[1];
}

static __always_inline bool is_unspecified(const struct ip_addr *a)
{
	return !(a->half[0] | a->half[1]);
}

/* Where a pod's flow through a service back to the pod comes from, for the pod: 169.254.42.1, and
 * fd42:a9fe:2a01::1. Nobody else has them.
 */
static __always_inline struct ip_addr loop_address(__u8 family)
{
	struct ip_addr four = { .word = { 0, 0, 0, bpf_htonl(0xa9fe2a01) } };
	struct ip_addr six = { .word = { bpf_htonl(0xfd42a9fe), bpf_htonl(0x2a010000), 0, bpf_htonl(1) } };

	return family == 4 ? four : six;
}

static __always_inline bool is_loop_address(const struct ip_addr *a, __u8 family)
{
	struct ip_addr loop = loop_address(family);

	return same_address(a, &loop);
}

/* fe80::/10 */
static __always_inline bool is_link_local6(const struct ip_addr *a)
{
	return (a->word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* Seconds (of 2^30 ns) of the monotonic clock. */
static __always_inline __u32 now_seconds(void)
{
	__u64 nanos = cfg_coarse_clock ? bpf_ktime_get_coarse_ns() : bpf_ktime_get_ns();

	return nanos >> SECOND_SHIFT;
}
