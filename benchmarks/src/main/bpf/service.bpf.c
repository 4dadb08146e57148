// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* A test run repeats one packet as the run before left it: here its destination is the frontend again, before
 * the datapath sees it.
 */
#define FINDS_BACKENDS
#include "lib/decide.h"

const volatile __be32 cfg_frontend4 = 0;
const volatile __be32 cfg_frontend6[4] = {};

/* Of frames without options or extension headers, with a fresh hop limit too. */
static __always_inline bool restore(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end)
			return false;
		ip->ttl = 64;
		ip->daddr = cfg_frontend4;
	} else {
		struct ipv6hdr *ip = data + ETH_HLEN;

		if ((void *)(ip + 1) > end)
			return false;
		ip->hop_limit = 64;
		for (int i = 0; i < 4; i++)
			ip->daddr.in6_u.u6_addr32[i] = cfg_frontend6[i];
	}
	return true;
}

/* What the other one has in common with a program that does nothing. */
SEC("tc")
int restore_only(struct __sk_buff *skb)
{
	return restore(skb) ? TC_ACT_OK : TC_ACT_SHOT;
}

SEC("tc")
int through_service(struct __sk_buff *skb)
{
	return restore(skb) ? handle_packet(skb, FROM_POD) : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
