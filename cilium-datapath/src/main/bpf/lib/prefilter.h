/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The list of prefixes whose packets are dropped before anything else looks at them. Most packets are nobody's on
 * it, and that must cost little however long it is: two bits for each IPv4 /24, and for each hash of an IPv6 /48,
 * say whether anything is to be looked up at all.
 */
#pragma once

#include "endpoints.h"
#include "ipcache.h"

#define PREFILTER_BLOCKS (1 << 24)
#define PREFILTER_BLOCKS_A_WORD 32
#define PREFILTER_WHOLE 1 /* all addresses of the block are on the list; IPv4 only */
#define PREFILTER_SOME 2  /* some may be */

/* The upper bits of an IPv6 address that blocks are told apart by. */
#define PREFILTER_BLOCK6_MASK bpf_htonl(0xffff0000)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PREFILTER_BLOCKS / PREFILTER_BLOCKS_A_WORD);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} cilium_prefilter4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, PREFILTER_BLOCKS / PREFILTER_BLOCKS_A_WORD);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} cilium_prefilter6 SEC(".maps");

/* Single addresses. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lxc_key);
	__type(value, __u32);
} cilium_prefilter_hosts SEC(".maps");

/* Prefixes within a block. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_key);
	__type(value, __u32);
} cilium_prefilter_nets SEC(".maps");

/* IPv6 prefixes larger than a block, which no bits stand for. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_key);
	__type(value, __u32);
} cilium_prefilter_wide SEC(".maps");

/* How many rows each of these has: hosts, nets, wide. None are looked up where there are none. */
#define PREFILTER_HOSTS 0
#define PREFILTER_NETS 1
#define PREFILTER_WIDE 2
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u32);
} cilium_prefilter_counts SEC(".maps");

static __always_inline bool prefilter_has(__u32 kind)
{
	__u32 *rows = bpf_map_lookup_elem(&cilium_prefilter_counts, &kind);

	return rows && *rows;
}

static __always_inline __u32 prefilter_bits(const __u64 *word, __u32 block)
{
	return word ? (*word >> (block % PREFILTER_BLOCKS_A_WORD * 2)) & 3 : 0;
}

/* Whether an address of a block with something on the list is on it. */
static __always_inline bool prefilter_names(const struct ip_addr *address, __u8 family)
{
	if (prefilter_has(PREFILTER_HOSTS)) {
		struct lxc_key host = { .address = *address, .family = family };

		if (bpf_map_lookup_elem(&cilium_prefilter_hosts, &host))
			return true;
	}
	if (prefilter_has(PREFILTER_NETS)) {
		struct ipcache_key net = { .prefix_bits = IPCACHE_FAMILY_BITS + 128 };

		ipcache_key_of(address, family, &net);
		return bpf_map_lookup_elem(&cilium_prefilter_nets, &net);
	}
	return false;
}

static __always_inline bool prefilter4(const struct ip_addr *address)
{
	__u32 block = bpf_ntohl(address->word[3]) >> 8;
	__u32 place = block / PREFILTER_BLOCKS_A_WORD;
	__u32 bits = prefilter_bits(bpf_map_lookup_elem(&cilium_prefilter4, &place), block);

	return bits & PREFILTER_WHOLE || (bits && prefilter_names(address, 4));
}

static __always_inline bool prefilter6(const struct ip_addr *address)
{
	struct ip_addr upper = {};
	__u32 block, place;

	if (prefilter_has(PREFILTER_WIDE)) {
		struct ipcache_key net = { .prefix_bits = IPCACHE_FAMILY_BITS + 128 };

		ipcache_key_of(address, 6, &net);
		if (bpf_map_lookup_elem(&cilium_prefilter_wide, &net))
			return true;
	}
	upper.word[0] = address->word[0];
	upper.word[1] = address->word[1] & PREFILTER_BLOCK6_MASK;
	block = address_hash(&upper, 24);
	place = block / PREFILTER_BLOCKS_A_WORD;
	return prefilter_bits(bpf_map_lookup_elem(&cilium_prefilter6, &place), block) && prefilter_names(address, 6);
}
