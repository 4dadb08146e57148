// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A packet as it comes out of a tunnel, for a test run, which cannot say so: whose it is and who sent it stand in
 * cb[0] and cb[1]. Then the program in the array goes on.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} c4j_next SEC(".maps");

SEC("tc")
int out_of_tunnel(struct __sk_buff *skb)
{
	struct bpf_tunnel_key key = {};

	key.tunnel_id = skb->cb[0];
	key.local_ipv4 = skb->cb[1];
	key.tunnel_ttl = 64;
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX))
		return -1;
	bpf_tail_call(skb, &c4j_next, 0);
	return -1;
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
