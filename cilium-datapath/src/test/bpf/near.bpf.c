// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The counters of addresses, for a test that compares them with Java's. */
#include "lib/epoch.h"
#include "lib/services.h"

static __always_inline bool load_address(struct __sk_buff *skb, struct ip_addr *address)
{
	return !bpf_skb_load_bytes(skb, ETH_HLEN, address, sizeof(*address));
}

/* The number of the counter of the address that stands behind the Ethernet header. */
SEC("tc")
int index_of_address(struct __sk_buff *skb)
{
	struct ip_addr address;

	return load_address(skb, &address) ? (int)address_hash(&address, NEAR_BITS) : -1;
}

/* What that counter says. */
SEC("tc")
int counter_of_address(struct __sk_buff *skb)
{
	struct ip_addr address;

	return load_address(skb, &address) ? (int)near_of(&address) : -1;
}

/* Whether it may be a frontend's. */
SEC("tc")
int may_be_frontends(struct __sk_buff *skb)
{
	struct ip_addr address;

	return load_address(skb, &address) ? lb_may_be(&address) : -1;
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
