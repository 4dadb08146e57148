/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* As little as an object can be, for tests that load it a thousand times. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} c4j_tiny SEC(".maps");

SEC("tc")
int pass(struct __sk_buff *skb)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&c4j_tiny, &zero) ? 0 : 2;
}

char _license[] SEC("license") = "Dual BSD/GPL";
