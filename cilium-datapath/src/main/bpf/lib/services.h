/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The tables of services, for whoever looks at packets or at sockets.
 *
 * A frontend's number leads to a region, which tells all that is to be known of it. User space writes a new
 * region beside the present one and then its place, by one store: whoever looks finds one or the other.
 */
#pragma once

#include "common.h"

/* What a client asks. */
struct lb_key {
	struct ip_addr address;
	__be16 port; /* 0 with protocol 0: all else that the address is asked */
	__u8 protocol;
	__u8 family;
	__u32 pad;
};

/* Who asks which frontend. */
struct lb_affinity_key {
	struct ip_addr client;
	__u32 frontend;
	__u32 family;
};

/* -> number of the frontend, which is put once and never overwritten. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lb_key);
	__type(value, __u32);
} cilium_lb_services SEC(".maps");

#define LB_ADDRESS_BITS 16

/* How many frontends have an address of a hash: where there is none, none need be looked for. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << LB_ADDRESS_BITS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
} cilium_lb_addresses SEC(".maps");

/* Number -> place of the region, 0 for none. Element 0 is the number of frontends. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
} cilium_lb_frontends SEC(".maps");

/* A region is one element or several in a row: a head, then the backends that take new flows. */
#define REGION_SHIFT 4
#define REGION_SERVICE 0  /* the service's number */
#define REGION_AFFINITY 1 /* seconds for which a client keeps its backend, 0: it does not */
#define REGION_BACKENDS 2 /* how many there are */
#define REGION_HEAD 4

struct lb_region {
	__u32 word[1 << REGION_SHIFT];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct lb_region);
} cilium_lb_regions SEC(".maps");

/* Whether a backend takes flows. */
#define BACKEND_GONE 0
#define BACKEND_ACTIVE 1
#define BACKEND_KEEPS 2 /* those that it has, and no new ones */

/* Of one frontend: only the state changes while any packet may look at it. */
struct lb_backend {
	struct ip_addr address;
	__be16 port;
	__u8 state;
	__u8 family;
	__u32 frontend;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct lb_backend);
} cilium_lb_backends SEC(".maps");

struct lb_affinity {
	__u32 backend;
	__u32 last; /* when the client last began a flow */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct lb_affinity_key);
	__type(value, struct lb_affinity);
} cilium_lb_affinity SEC(".maps");

/* Whether an address may be a frontend's. */
static __always_inline bool lb_may_be(const struct ip_addr *address)
{
	__u32 index = address_hash(address, LB_ADDRESS_BITS);
	__u32 *count = bpf_map_lookup_elem(&cilium_lb_addresses, &index);

	return count && *(volatile __u32 *)count;
}

/* The number of the frontend that has this key, or 0. */
static __always_inline __u32 lb_frontend_of(const struct lb_key *key)
{
	__u32 *number = bpf_map_lookup_elem(&cilium_lb_services, key);

	return number ? *number : 0;
}

static __always_inline const struct lb_backend *lb_backend_of(__u32 number, __u32 frontend)
{
	const struct lb_backend *backend = bpf_map_lookup_elem(&cilium_lb_backends, &number);

	return backend && backend->frontend == frontend ? backend : NULL;
}

static __always_inline __u32 lb_place(__u32 frontend)
{
	__u32 *place = bpf_map_lookup_elem(&cilium_lb_frontends, &frontend);

	return place ? *(volatile __u32 *)place : 0;
}

/* A word of a region. */
static __always_inline __u32 lb_word(__u32 place, __u32 index)
{
	const struct lb_region *region;
	__u32 element = place + (index >> REGION_SHIFT);

	region = bpf_map_lookup_elem(&cilium_lb_regions, &element);
	return region ? region->word[index & ((1 << REGION_SHIFT) - 1)] : 0;
}

/* Spreads what differs in a few bits only. The same as lb.FlowHash in Java, which reads eight bytes as this machine
 * does.
 */
static __always_inline __u64 lb_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 32;
}
