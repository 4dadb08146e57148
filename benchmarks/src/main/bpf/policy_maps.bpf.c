// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The same question, who may come in at a port, asked of the policy map as it is and of its alternatives:
 * what docs/adr/0001 decided by. Each run asks for another identity.
 */
#include "lib/policy.h"

#define PORT 80
#define FIRST_IDENTITY 10000
#define POLICY 1
#define PROTOCOL IPPROTO_TCP

/* What is asked, and with which shapes. */
struct query {
	__u32 identities;
	__u32 pad;
	struct shape_list own;
	struct shape_list aggregate;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct query);
} bench_query SEC(".maps");

/* Network order throughout, for a trie compares bytes from the first on. */
struct trie_key {
	__u32 prefix_bits;
	__be32 policy; /* 0 in a map that one endpoint has for itself */
	__be32 identity;
	__u8 direction;
	__u8 protocol;
	__be16 port;
};

#define TRIE_KEY_BITS 96

struct trie {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 262144);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct trie_key);
	__type(value, struct policy_entry);
} shared_trie SEC(".maps"), own_trie SEC(".maps");

struct hash {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct policy_key);
	__type(value, struct policy_entry);
} own_hash SEC(".maps");

/* Endpoint -> its own map. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct trie);
} tries SEC(".maps") = { .values = { [0] = &own_trie } };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct hash);
} hashes SEC(".maps") = { .values = { [0] = &own_hash } };

static __always_inline const struct query *next_query(__u32 *identity)
{
	__u32 zero = 0;
	const struct query *query = bpf_map_lookup_elem(&bench_query, &zero);

	if (query)
		*identity = FIRST_IDENTITY + bpf_get_prandom_u32() % query->identities;
	return query;
}

/* What all have in common. */
SEC("tc")
int ask_nothing(struct __sk_buff *skb)
{
	__u32 identity;

	return next_query(&identity) ? TC_ACT_OK : TC_ACT_SHOT;
}

/* The datapath's own look-up. */
SEC("tc")
int ask_shared_hash(struct __sk_buff *skb)
{
	__u32 identity;
	const struct query *query = next_query(&identity);

	if (!query)
		return TC_ACT_SHOT;
	return policy_lookup(POLICY, &query->own, &query->aggregate, identity,
			     pack_l4(POLICY_INGRESS, PROTOCOL, PORT))
		       ? TC_ACT_OK
		       : TC_ACT_SHOT;
}

/* The usual look-up: for the peer, and for whoever, since the narrower key need not be the stronger. */
static __always_inline int ask_trie(void *trie, __u32 policy, __u32 identity)
{
	struct trie_key key = {
		.prefix_bits = TRIE_KEY_BITS,
		.policy = bpf_htonl(policy),
		.identity = bpf_htonl(identity),
		.protocol = PROTOCOL,
		.port = bpf_htons(PORT),
	};
	const struct policy_entry *own = bpf_map_lookup_elem(trie, &key), *common;

	key.identity = 0;
	common = bpf_map_lookup_elem(trie, &key);
	if (!common)
		return own ? TC_ACT_OK : TC_ACT_SHOT;
	return !own || own->precedence >= common->precedence ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int ask_shared_trie(struct __sk_buff *skb)
{
	__u32 identity;

	return next_query(&identity) ? ask_trie(&shared_trie, POLICY, identity) : TC_ACT_SHOT;
}

SEC("tc")
int ask_own_trie(struct __sk_buff *skb)
{
	__u32 endpoint = 0, identity;
	void *trie = bpf_map_lookup_elem(&tries, &endpoint);

	return trie && next_query(&identity) ? ask_trie(trie, 0, identity) : TC_ACT_SHOT;
}

SEC("tc")
int ask_own_hash(struct __sk_buff *skb)
{
	struct policy_key key = { .port = PORT, .protocol = PROTOCOL, .shape = POLICY_MAX_SHAPE };
	__u32 endpoint = 0;
	void *hash = bpf_map_lookup_elem(&hashes, &endpoint);

	if (!hash || !next_query(&key.identity))
		return TC_ACT_SHOT;
	return bpf_map_lookup_elem(hash, &key) ? TC_ACT_OK : TC_ACT_SHOT;
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
