/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A program that the verifier refuses: it reads the packet without looking at its length. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int reads_beyond(struct __sk_buff *skb)
{
	return *(__u8 *)(long)skb->data;
}

char _license[] SEC("license") = "Dual BSD/GPL";
