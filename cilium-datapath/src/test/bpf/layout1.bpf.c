/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The maps of layout 1 whose layout is another now, as an agent of that time pinned them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct ip_addr {
	union {
		__be32 word[4];
		__u64 half[2];
	};
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} cilium_epoch SEC(".maps");

struct ipcache_key {
	__u32 prefix_bits;
	__be32 family;
	struct ip_addr address;
};

struct ipcache_value {
	__u64 since;
	__u32 identity[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache_key);
	__type(value, struct ipcache_value);
} cilium_ipcache SEC(".maps");

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

struct ct_side {
	__u32 ifindex;
	__u8 mac[6];
	__u16 endpoint;
};

struct ct_entry {
	__u64 epoch;
	struct ct_side side[2];
	__u32 expires;
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

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct frag_key);
	__type(value, struct frag_ports);
} cilium_frags SEC(".maps");

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

char _license[] SEC("license") = "Dual BSD/GPL";
