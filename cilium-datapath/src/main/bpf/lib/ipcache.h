/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The identity behind an address that is no local endpoint's. */
#pragma once

#include "epoch.h"

/* Reserved identities that a program names; the rest are numbers like any other. */
#define IDENTITY_UNKNOWN 0
#define IDENTITY_HOST 1
#define IDENTITY_WORLD 2
#define IDENTITY_REMOTE_NODE 6
#define IDENTITY_KUBE_APISERVER 7

/* The highest byte of an identity that only this node knows by its number. */
#define IDENTITY_SCOPE_LOCAL 0x01
#define IDENTITY_SCOPE_REMOTE_NODE 0x02

/* Another node's own address, whatever else is behind it. */
static __always_inline bool is_remote_node(__u32 identity)
{
	return identity == IDENTITY_REMOTE_NODE || identity == IDENTITY_KUBE_APISERVER ||
	       identity >> 24 == IDENTITY_SCOPE_REMOTE_NODE;
}

struct ipcache_key {
	__u32 prefix_bits; /* of family and address together */
	__be32 family;     /* big endian, since a trie compares bytes from the first on */
	struct ip_addr address; /* IPv4 in the first word here: a trie key is left-aligned */
};

#define IPCACHE_FAMILY_BITS 32

struct ipcache_value {
	__u64 since;
	__u32 identity[2]; /* by version, as in struct endpoint */
	__u16 node[2];     /* the node that has the address, by its number; 0: this one, or none */
	__u8 flags[2];
	__u16 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache_value);
} cilium_ipcache SEC(".maps");

/* What is behind an address. */
struct destination {
	__u32 identity;
	__u32 node; /* number of the node that has it; 0: this one, or none */
};

/* Completes the key of one address, of which prefix_bits are those of IPv6. */
static __always_inline void ipcache_key_of(const struct ip_addr *address, __u8 family, struct ipcache_key *key)
{
	key->family = bpf_htonl(family);
	if (family == 4) {
		key->prefix_bits = IPCACHE_FAMILY_BITS + 32;
		key->address.word[0] = address->word[3];
	} else {
		key->address = *address;
	}
}

static __always_inline struct destination find_destination(const struct ip_addr *address, __u8 family,
							   __u64 epoch)
{
	struct destination found = { .identity = IDENTITY_WORLD };
	struct ipcache_key key = { .prefix_bits = IPCACHE_FAMILY_BITS + 128 };
	const struct ipcache_value *value;

	ipcache_key_of(address, family, &key);
	value = bpf_map_lookup_elem(&cilium_ipcache, &key);
	if (!value)
		return found;
	if (epoch >= value->since) {
		found.identity = value->identity[1];
		found.node = value->node[1];
	} else {
		found.identity = value->identity[0];
		found.node = value->node[0];
	}
	return found;
}

static __always_inline __u32 identity_of_address(const struct ip_addr *address, __u8 family, __u64 epoch)
{
	return find_destination(address, family, epoch).identity;
}

/* Whether what is sent there ends at this node, whatever the routes say: all stations of a link, a
 * group, the node itself. The node's other addresses, and the broadcast address of each of its links,
 * are rows of the ipcache.
 */
static __always_inline bool ends_at_node(const struct ip_addr *address, __u8 family)
{
	if (family == 4) {
		__u32 first = bpf_ntohl(address->word[3]) >> 24;

		return !address->word[3] || first == 127 || first >> 4 == 0xe ||
		       address->word[3] == 0xffffffff;
	}
	/* ff00::/8, fe80::/10, :: and ::1 */
	return (address->word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) ||
	       is_link_local6(address) ||
	       (!address->half[0] && !address->word[2] && !(address->word[3] & ~bpf_htonl(1)));
}
