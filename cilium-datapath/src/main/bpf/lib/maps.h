/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The shared state: layouts of keys and values, and the maps that hold them. Names are the field's,
 * layouts are ours. Java has one codec for each struct here, checked against this object's BTF.
 *
 * A row that a verdict depends on has two versions. Version 1 counts from epoch `since` on, version 0
 * before it. User space writes all rows of a change with since = epoch + 1 and then moves the epoch,
 * by one aligned 8-byte write: a packet, which reads the epoch once, sees all of a change or nothing.
 */
#pragma once

#include "common.h"

/* An address of either family; IPv4 in the last word, the first three zero. */
struct ip_addr {
	union {
		__be32 word[4];
		__u64 half[2];
	};
};

/* ---- epoch ---------------------------------------------------------------------------------- */

/* Element 0 is the epoch, element 1 counts the writes of endpoint rows. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} cilium_epoch SEC(".maps");

static __always_inline __u64 current_epoch(void)
{
	__u32 zero = 0;
	__u64 *epoch = bpf_map_lookup_elem(&cilium_epoch, &zero);

	return epoch ? *(volatile __u64 *)epoch : 0;
}

/* Moves before each write of an endpoint row. A hash reuses the memory of a replaced element at once, so
 * the row that a packet looks at may become another one under it; see DECIDE_AGAIN.
 */
static __always_inline __u64 row_writes(void)
{
	__u32 one = 1;
	__u64 *writes = bpf_map_lookup_elem(&cilium_epoch, &one);

	return writes ? *(volatile __u64 *)writes : 0;
}

/* ---- endpoints ------------------------------------------------------------------------------ */

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

/* Address of a local endpoint -> its device on the node's side. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lxc_key);
	__type(value, __u32);
} cilium_lxc SEC(".maps");

/* ---- ipcache -------------------------------------------------------------------------------- */

struct ipcache_key {
	__u32 prefix_bits; /* of family and address together */
	__be32 family;     /* big endian, since a trie compares bytes from the first on */
	struct ip_addr address; /* IPv4 in the first word here: a trie key is left-aligned */
};

#define IPCACHE_FAMILY_BITS 32

struct ipcache_value {
	__u64 since;
	__u32 identity[2]; /* by version, as in struct endpoint */
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache_value);
} cilium_ipcache SEC(".maps");

/* ---- policy --------------------------------------------------------------------------------- */

struct policy_key {
	__u32 policy;   /* number of a compiled policy; endpoints with the same one share its entries */
	__u32 identity; /* the peer's, or an aggregate's */
	__u16 port;     /* host order, the bits that the shape does not fix are 0 */
	__u8 protocol;
	__u8 shape; /* bits 0-4 the shape, bit 7 the direction (1 egress) */
};

#define POLICY_VERDICT_DENY 0
#define POLICY_VERDICT_ALLOW 1
#define POLICY_VERDICT_REDIRECT 2
#define POLICY_VERDICT_AUDITED 3 /* of events only, never of an entry */

#define POLICY_AUTH_TYPE 0x7f

struct policy_entry {
	__u32 precedence; /* of two entries that match, the higher decides; lowest byte 255: a deny */
	__u32 cookie;     /* the rule that wrote the entry, 24 bits; 0 for one that no rule wrote */
	__be16 proxy_port;
	__u8 verdict;
	__u8 auth; /* type in bits 0-6; bit 7: asked for by name */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct policy_key);
	__type(value, struct policy_entry);
} cilium_policy SEC(".maps");

/* ---- conntrack ------------------------------------------------------------------------------ */

/* A flow's two ends in numerical order (of address, then port, as bytes on the wire), so that both
 * directions have the same key.
 */
struct ct_key4 {
	__be32 address[2];
	__be16 port[2];
	__u8 protocol;
	__u8 pad[3];
};

struct ct_key6 {
	struct ip_addr address[2];
	__be16 port[2];
	__u8 protocol;
	__u8 pad[3];
};

/* What stands at one end: a local endpoint's device, or (ifindex 0) the node's own stack. */
struct ct_side {
	__u32 ifindex;
	__u8 mac[ETH_ALEN];
	__u16 endpoint;
};

#define CT_INITIATOR_HIGH 0x01 /* the flow began at end 1 */
#define CT_REPLIED 0x02
#define CT_FIN_LOW 0x04
#define CT_FIN_HIGH 0x08
#define CT_CLOSING 0x10

struct ct_entry {
	__u64 epoch; /* of the verdict; stale when it is not the present one */
	struct ct_side side[2];
	__u32 expires; /* seconds of now_seconds() */
	__u16 flags;
	__be16 proxy_port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ct_key4);
	__type(value, struct ct_entry);
} cilium_ct4_global SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072);
	__type(key, struct ct_key6);
	__type(value, struct ct_entry);
} cilium_ct6_global SEC(".maps");

/* ---- fragments ------------------------------------------------------------------------------ */

struct frag_key {
	struct ip_addr source;
	struct ip_addr destination;
	__be32 id;
	__u32 protocol;
};

struct frag_ports {
	__be16 source;
	__be16 destination;
	__u8 icmp_type;
	__u8 icmp_echo;
	__u16 pad;
};

/* Ports of a datagram whose first fragment was seen. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct frag_key);
	__type(value, struct frag_ports);
} cilium_frags SEC(".maps");

/* ---- what is reported ----------------------------------------------------------------------- */

struct metrics_value {
	__u64 packets;
	__u64 bytes;
};

#define METRICS_DIRECTIONS 2
#define METRICS_FORWARDED 0 /* in the place of a drop reason */

/* reason * 2 + direction -> counters of this CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256 * METRICS_DIRECTIONS);
	__type(key, __u32);
	__type(value, struct metrics_value);
} cilium_metrics SEC(".maps");

struct rate_key {
	__u32 endpoint;
	__u32 reason;
};

struct rate_value {
	__u32 second;
	__u32 sent;
	__u64 suppressed;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct rate_key);
	__type(value, struct rate_value);
} cilium_ratelimit SEC(".maps");

struct event {
	__u64 time_nanos;
	__u64 suppressed; /* events of this endpoint and reason left out before this one */
	struct ip_addr source;
	struct ip_addr destination;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 endpoint;
	__u32 cookie;
	__be16 source_port;
	__be16 destination_port; /* for ICMP the type */
	__u8 protocol;
	__u8 reason; /* 0: a new flow that a rule allowed; else a drop, unless the verdict is audited */
	__u8 direction;
	__u8 family; /* 4 or 6 */
	__u8 verdict;
	__u8 pad[7];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} cilium_events SEC(".maps");
