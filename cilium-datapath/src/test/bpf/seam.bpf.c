/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the tests of the seam load: one map of each kind, a constant, programs that can be told apart. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

/* Members chosen to show a swapped byte order and a forgotten padding. */
struct hash_key {
	__u32 id;
	__be16 port;
	__u8 proto;
	__u8 pad;
};

struct hash_value {
	__u64 packets;
	__u32 last_ifindex;
	__u32 pad;
};

struct lpm_key {
	__u32 prefixlen;
	__be32 addr;
};

struct event {
	__u32 mark;
	__u32 len;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct hash_key);
	__type(value, struct hash_value);
	__uint(max_entries, 16);
} c4j_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct lpm_key);
	__type(value, __u32);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} c4j_lpm SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 16);
} c4j_lru SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 4);
} c4j_array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 2);
} c4j_percpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} c4j_events SEC(".maps");

const volatile __u32 cfg_return = 7;
const volatile __u16 cfg_port = 0;
const volatile __u8 cfg_addr[4] = {};

/* Returns the constant, counts, and leaves what it saw in mark and cb. */
SEC("tc")
int answer(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u32 *count = bpf_map_lookup_elem(&c4j_percpu, &zero);
	if (count)
		(*count)++;
	__u64 *word = bpf_map_lookup_elem(&c4j_array, &zero);
	if (word)
		skb->cb[1] = (__u32)*word;
	skb->cb[0] = cfg_port;
	skb->cb[2] = cfg_addr[3];
	skb->mark = skb->ifindex;
	return (int)cfg_return;
}

/* Counts in the hash under a key that user space also writes. */
SEC("tc")
int count(struct __sk_buff *skb)
{
	struct hash_key key = { .id = 1, .port = 0x3412, .proto = 6 };
	struct hash_value *value = bpf_map_lookup_elem(&c4j_hash, &key);
	if (value) {
		__sync_fetch_and_add(&value->packets, 1);
		value->last_ifindex = skb->ifindex;
	}
	__u32 lpm = bpf_map_lookup_elem(&c4j_lpm, &key) != 0;
	__u32 lru = bpf_map_lookup_elem(&c4j_lru, &lpm) != 0;
	return lru ? TC_ACT_UNSPEC : TC_ACT_OK;
}

SEC("tc")
int drop(struct __sk_buff *skb)
{
	return TC_ACT_SHOT;
}

SEC("tc")
int emit(struct __sk_buff *skb)
{
	struct event *event = bpf_ringbuf_reserve(&c4j_events, sizeof(*event), 0);
	if (!event)
		return TC_ACT_SHOT;
	event->mark = skb->mark;
	event->len = skb->len;
	bpf_ringbuf_submit(event, 0);
	return TC_ACT_OK;
}

SEC("cgroup/connect4")
int connect(struct bpf_sock_addr *ctx)
{
	return 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
