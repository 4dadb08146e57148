/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who stands behind an address or a device. */
#pragma once

#include "packet.h"
#include "policy.h"

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

/* The identity behind an address that is no local endpoint's. */
static __always_inline __u32 identity_of_address(const struct ip_addr *address, __u8 family, __u64 epoch)
{
	struct ipcache_key key = { .prefix_bits = IPCACHE_FAMILY_BITS + 128 };
	const struct ipcache_value *value;

	key.family = bpf_htonl(family);
	if (family == 4) {
		key.prefix_bits = IPCACHE_FAMILY_BITS + 32;
		key.address.word[0] = address->word[3];
	} else {
		key.address = *address;
	}
	value = bpf_map_lookup_elem(&cilium_ipcache, &key);
	if (!value)
		return IDENTITY_WORLD;
	return epoch >= value->since ? value->identity[1] : value->identity[0];
}
