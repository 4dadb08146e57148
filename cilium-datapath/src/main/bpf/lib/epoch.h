/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which state counts. A row that a verdict depends on has two versions. Version 1 counts from epoch `since`
 * on, version 0 before it. User space writes all rows of a change with since = epoch + 1 and then moves the
 * epoch, by one aligned 8-byte write: a packet, which reads the epoch once, sees all of a change or nothing.
 *
 * That is a whole change: it makes every verdict in conntrack stale. What is only about one address that is
 * no local endpoint's (a near change) writes rows that are valid at once and then moves the counter of that
 * address: only verdicts about addresses of the same counter become stale.
 */
#pragma once

#include "common.h"

#define EPOCH 0
/* Counts the writes of endpoint rows. */
#define EPOCH_ROW_WRITES 1
/* Not 0 once a flow stands in an overflow table of conntrack. */
#define EPOCH_OVERFLOW 2

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} cilium_epoch SEC(".maps");

static __always_inline __u64 *epoch_element(__u32 index)
{
	return bpf_map_lookup_elem(&cilium_epoch, &index);
}

static __always_inline __u64 current_epoch(void)
{
	__u64 *epoch = epoch_element(EPOCH);

	return epoch ? *(volatile __u64 *)epoch : 0;
}

/* Moves before each write of an endpoint row. A hash reuses the memory of a replaced element at once, so
 * the row that a packet looks at may become another one under it; see DECIDE_AGAIN.
 */
static __always_inline __u64 row_writes(void)
{
	__u64 *writes = epoch_element(EPOCH_ROW_WRITES);

	return writes ? *(volatile __u64 *)writes : 0;
}

#define NEAR_BITS 10

/* One counter for all addresses of the same hash; user space adds to it through mapped memory. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1 << NEAR_BITS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u32);
} cilium_epoch_near SEC(".maps");

static __always_inline __u32 near_of(const struct ip_addr *address)
{
	__u32 index = address_hash(address, NEAR_BITS);
	__u32 *counter = bpf_map_lookup_elem(&cilium_epoch_near, &index);

	return counter ? *(volatile __u32 *)counter : 0;
}

/* What a verdict in conntrack is stamped with. An entry lives for hours, the low half of the epoch for
 * 2^32 changes.
 */
static __always_inline __u64 stamp_of(__u64 epoch, __u32 near)
{
	return (__u32)epoch | (__u64)near << 32;
}
