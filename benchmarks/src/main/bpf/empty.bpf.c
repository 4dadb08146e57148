// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What a test run costs by itself. */
#include "lib/common.h"

SEC("tc")
int empty(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
