// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A test run repeats one packet. These programs give each run the next of `flows` tuples and then do
 * what the datapath does, or a part of it: what one part costs is the difference of two of them.
 */
#include "lib/decide.h"

struct cursor {
	__u32 next;
	__u32 flows; /* tuples before the first comes again */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cursor);
} bench_cursor SEC(".maps");

/* Writes the next tuple into a packet of TCP over IPv4 without options, or over IPv6 without extension
 * headers: 16 bits of it into the source port, the rest into the last byte of the destination. A fresh
 * hop limit too: repeated runs would use it up.
 */
static __always_inline bool rotate(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 zero = 0, n;
	struct cursor *cursor = bpf_map_lookup_elem(&bench_cursor, &zero);

	if (!cursor)
		return false;
	n = cursor->next;
	cursor->next = n + 1 < cursor->flows ? n + 1 : 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + ETH_HLEN;
		__be16 *ports = (void *)(ip + 1);

		if ((void *)(ports + 2) > end)
			return false;
		ip->ttl = 64;
		((__u8 *)&ip->daddr)[3] = 100 + (n >> 16);
		ports[0] = bpf_htons(n);
	} else {
		struct ipv6hdr *ip = data + ETH_HLEN;
		__be16 *ports = (void *)(ip + 1);

		if ((void *)(ports + 2) > end)
			return false;
		ip->hop_limit = 64;
		((__u8 *)&ip->daddr)[15] = 100 + (n >> 16);
		ports[0] = bpf_htons(n);
	}
	return true;
}

/* What the others have in common with a program that does nothing. */
SEC("tc")
int rotate_only(struct __sk_buff *skb)
{
	return rotate(skb) ? TC_ACT_OK : TC_ACT_SHOT;
}

/* The datapath's own way of a pod's packet. */
SEC("tc")
int rotate_decide(struct __sk_buff *skb)
{
	return rotate(skb) ? handle_packet(skb, FROM_POD) : TC_ACT_SHOT;
}

static __always_inline void describe_row(struct ct_side *side, const struct endpoint *row)
{
	side->ifindex = row->ifindex;
	side->endpoint = row->id;
	__builtin_memcpy(side->mac, row->mac, ETH_ALEN);
}

/* A new flow without policy: parse, look the flow up, find both endpoints, insert, deliver. */
SEC("tc")
int rotate_insert(struct __sk_buff *skb)
{
	const struct endpoint *from, *to;
	struct ct_entry fresh = {};
	struct packet p = {};
	struct ct_key key;

	if (!rotate(skb) || parse_packet(skb, &p))
		return TC_ACT_SHOT;
	__builtin_memset(&key, 0, sizeof(key));
	ct_key_of(&p, &key);
	if (ct_lookup(&key))
		return TC_ACT_SHOT;
	from = endpoint_of_device(skb->ifindex);
	to = endpoint_of_address(&p.destination, p.family);
	if (!from || !to)
		return TC_ACT_SHOT;
	fresh.stamp = 1;
	fresh.flags = ct_charge(skb->ifindex, p.family) | (key.sender ? CT_INITIATOR_HIGH : 0);
	describe_row(&fresh.side[0], key.sender ? to : from);
	describe_row(&fresh.side[1], key.sender ? from : to);
	ct_touch(&fresh, &p, key.sender, now_seconds());
	if (ct_put(&key, &fresh))
		return TC_ACT_SHOT;
	return deliver(skb, &p, &fresh.side[!(key.sender & 1)], 0, FROM_POD);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
