/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The endpoints of this node: a row for each, found by its device or by its addresses. */
#pragma once

#include "epoch.h"

/* The key shapes that a policy uses (see policy.h), narrowest first, five bits each from the lowest on,
 * ended by POLICY_NO_SHAPE. 128 bits hold all 18.
 */
struct shape_list {
	__u64 low;
	__u64 high;
};

#define POLICY_SHAPES 18
#define POLICY_SHAPE_BITS 5
#define POLICY_NO_SHAPE 31

/* What the policy denies goes on and is reported. */
#define ENDPOINT_AUDITED 0x01

/* An endpoint's policy: the number under which its entries stand in cilium_policy, and the shapes that
 * they use, by direction (0 ingress, 1 egress).
 */
struct endpoint_version {
	__u32 identity;
	__u32 policy; /* 0: the endpoint does not exist in this version */
	__u32 flags;
	__u32 pad;
	struct shape_list own_shapes[2];
	struct shape_list aggregate_shapes[2];
};

struct endpoint {
	__u64 since; /* the epoch from which version[1] counts */
	struct endpoint_version version[2];
	__u32 ifindex; /* device on the node's side; also the row's key */
	__u32 id;
	__u8 mac[ETH_ALEN];      /* of the pod's device */
	__u8 host_mac[ETH_ALEN]; /* of the node's device */
	__be32 ipv4;             /* 0: none */
	struct ip_addr ipv6;     /* 0: none */
};

/* Device on the node's side -> endpoint. Hash updates replace a whole element, so a look-up never
 * finds half a row (an array element would be overwritten in place).
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct endpoint);
} cilium_endpoints SEC(".maps");

/* No key may have a hole: the compiler leaves what is in it to chance, and the hash takes it in. */
struct lxc_key {
	struct ip_addr address;
	__u32 family;
	__u32 pad;
};

/* Address of a local endpoint -> its device on the node's side. Rows are put and deleted, never
 * overwritten: a look-up needs no guard against memory that is used again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lxc_key);
	__type(value, __u32);
} cilium_lxc SEC(".maps");

/* The row of a device, or NULL. */
static __always_inline struct endpoint *endpoint_of_device(__u32 ifindex)
{
	return bpf_map_lookup_elem(&cilium_endpoints, &ifindex);
}

/* The local endpoint that has this address, or NULL. */
static __always_inline struct endpoint *endpoint_of_address(const struct ip_addr *address, __u8 family)
{
	struct lxc_key key = { .address = *address, .family = family };
	__u32 *ifindex = bpf_map_lookup_elem(&cilium_lxc, &key);

	return ifindex ? endpoint_of_device(*ifindex) : NULL;
}

/* What counts of a row at this epoch; NULL where the endpoint does not exist in it. */
static __always_inline const struct endpoint_version *endpoint_at(const struct endpoint *row, __u64 epoch)
{
	const struct endpoint_version *version;

	if (!row)
		return NULL;
	version = epoch >= row->since ? &row->version[1] : &row->version[0];
	return version->policy ? version : NULL;
}

static __always_inline bool has_address(const struct endpoint *row, const struct ip_addr *address,
					__u8 family)
{
	if (family == 4)
		return row->ipv4 && row->ipv4 == address->word[3];
	return !is_unspecified(&row->ipv6) && same_address(&row->ipv6, address);
}
