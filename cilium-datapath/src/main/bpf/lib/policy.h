/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The look-up of a verdict. The same keys in the same order as core.PolicyMapState in Java.
 *
 * A key's shape says how much of protocol and port it fixes: 0 nothing, 1 the protocol, 1 + n the
 * protocol and the first n bits of the port. A policy uses few of the 18 shapes; the endpoint's row
 * names them, and the look-up asks the hash for each from the narrowest on. That is flat in the number
 * of entries, where a trie of (identity, protocol, port) grows with them.
 */
#pragma once

#include "endpoints.h"
#include "ipcache.h"

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

#define POLICY_MAX_SHAPE 17

#define POLICY_INGRESS 0
#define POLICY_EGRESS 1

#define IDENTITY_AGGREGATE_CLUSTER 11
#define IDENTITY_AGGREGATE_CLUSTER_MESH 12
#define IDENTITY_AGGREGATE_WORLD 13
#define IDENTITY_AGGREGATE_REMOTE_NODE 14

#define IDENTITY_MIN_AGGREGATED 100

/* The aggregate whose keys also hold for this identity; see core.Identity. */
static __always_inline __u32 aggregate_of(__u32 identity)
{
	if (identity < IDENTITY_MIN_AGGREGATED)
		return identity >= IDENTITY_AGGREGATE_CLUSTER &&
				       identity <= IDENTITY_AGGREGATE_REMOTE_NODE
			       ? identity
			       : IDENTITY_UNKNOWN;
	switch (identity >> 24) {
	case IDENTITY_SCOPE_REMOTE_NODE:
		return IDENTITY_AGGREGATE_REMOTE_NODE;
	case IDENTITY_SCOPE_LOCAL:
		return IDENTITY_AGGREGATE_WORLD;
	default:
		return (identity >> 16 & 0xff) == cfg_cluster_id ? IDENTITY_AGGREGATE_CLUSTER
								 : IDENTITY_AGGREGATE_CLUSTER_MESH;
	}
}

/* What policy_longest found, in one register: 0 for nothing, else
 *   bits 63-32 the precedence, whose lowest byte tells the kind of verdict,
 *   bits 31-8  the rule's cookie,
 *   bits 7-6   one of MATCH_AUTH, MATCH_REDIRECT and MATCH_NO_PROXY, or 0,
 *   bits 5-1   the shape, bit 0 always set.
 */
typedef __u64 policy_match;

#define MATCH_FOUND 0x01
#define MATCH_HOW 0xc0
#define MATCH_AUTH 0x40     /* authentication is needed */
#define MATCH_REDIRECT 0x80 /* through the proxy */
#define MATCH_NO_PROXY 0xc0 /* through a proxy that is not there */
#define KIND_DENY 255

static __always_inline __u32 match_precedence(policy_match match)
{
	return match >> 32;
}

static __always_inline bool match_is_deny(policy_match match)
{
	return (match >> 32 & 0xff) == KIND_DENY;
}

static __always_inline __u32 match_shape(policy_match match)
{
	return match >> 1 & 31;
}

static __always_inline __u32 match_cookie(policy_match match)
{
	return (__u32)match >> 8;
}

#define L4_PROTOCOL_SHIFT 16
#define L4_DIRECTION_SHIFT 24

static __always_inline __u32 pack_l4(__u8 direction, __u8 protocol, __u16 port)
{
	return (__u32)direction << L4_DIRECTION_SHIFT | (__u32)protocol << L4_PROTOCOL_SHIFT | port;
}

/* The narrowest entry under one identity. Not static, and with numbers only for arguments: so the
 * verifier reads it once and not once for each way that leads here, also before 5.12, which cannot take
 * pointers into memory here.
 */
__noinline policy_match policy_longest(__u32 policy, __u32 identity, __u32 l4, __u64 shapes_low,
				       __u64 shapes_high)
{
	struct policy_key key = { .policy = policy, .identity = identity };
	__u8 protocol = l4 >> L4_PROTOCOL_SHIFT;
	__u8 direction = l4 >> L4_DIRECTION_SHIFT;

	for (int i = 0; i < POLICY_SHAPES; i++) {
		__u32 shape = shapes_low & POLICY_NO_SHAPE, fixes_protocol;
		const struct policy_entry *entry;

		if (shape == POLICY_NO_SHAPE)
			break;
		shapes_low = shapes_low >> POLICY_SHAPE_BITS | shapes_high << (64 - POLICY_SHAPE_BITS);
		shapes_high >>= POLICY_SHAPE_BITS;
		/* Without branches: shape 0 fixes nothing, shape 1 no bit of the port. */
		fixes_protocol = (shape + 31) >> 5;
		key.shape = shape | direction << 7;
		key.protocol = protocol & -fixes_protocol;
		key.port = l4 & 0xffff & (0xffff0000U >> ((shape - fixes_protocol) & 31));
		entry = bpf_map_lookup_elem(&cilium_policy, &key);
		if (entry) {
			policy_match match = (__u64)entry->precedence << 32 |
					     (__u32)entry->cookie << 8 | shape << 1 | MATCH_FOUND;

			if (entry->auth & POLICY_AUTH_TYPE)
				match |= MATCH_AUTH;
			else if (entry->verdict == POLICY_VERDICT_REDIRECT)
				match |= cfg_proxy_device && entry->proxy_port ? MATCH_REDIRECT
									       : MATCH_NO_PROXY;
			return match;
		}
	}
	return 0;
}

/* The entry that decides, or 0, which is a denial: absent is deny. */
static __always_inline policy_match policy_lookup(__u32 policy, const struct shape_list *own_shapes,
						  const struct shape_list *common_shapes, __u32 peer,
						  __u32 l4)
{
	policy_match own = 0, common;

	/* Many policies name no identity at all, only everybody. */
	if ((own_shapes->low & POLICY_NO_SHAPE) != POLICY_NO_SHAPE)
		own = policy_longest(policy, peer, l4, own_shapes->low, own_shapes->high);
	common = policy_longest(policy, aggregate_of(peer), l4, common_shapes->low, common_shapes->high);
	if (!own || !common)
		return own ?: common;
	if (match_precedence(own) != match_precedence(common))
		return match_precedence(own) > match_precedence(common) ? own : common;
	/* A deny's precedence is like no allow's, so both are of one kind; the narrower one decides. */
	return match_shape(common) > match_shape(own) ? common : own;
}

#define SHAPE_ANYTHING 0
#define SHAPE_PROTOCOL 1

/* Whether some key of these shapes looks at more than `most` does. The first one is the narrowest. */
static __always_inline bool looks_beyond(const struct shape_list *shapes, __u32 most)
{
	__u32 narrowest = shapes->low & POLICY_NO_SHAPE;

	return narrowest != POLICY_NO_SHAPE && narrowest > most;
}
