/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is told of packets: counters for all; events for drops, for new flows that a rule allowed, and for the
 * packets with which something new becomes of a flow that passes.
 */
#pragma once

#include "policy.h"
#include "scratch.h"

struct metrics_value {
	__u64 packets;
	__u64 bytes;
};

#define METRICS_DIRECTIONS 2
#define METRICS_FORWARDED 0 /* in the place of a drop reason */

/* reason * 2 + direction -> counters of this CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256 * METRICS_DIRECTIONS);
	__type(key, __u32);
	__type(value, struct metrics_value);
} cilium_metrics SEC(".maps");

/* Whose events are limited together. The peer is part of it, so that one sender's noise hides nothing that
 * another one did at the same endpoint.
 */
struct rate_key {
	__u32 endpoint;
	__u32 peer;
	__u32 reason; /* and above it what stands in an event as `point` */
};

/* A peer that is no local endpoint is told by its identity. */
#define PEER_IDENTITY 0x80000000

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

struct event {
	__u64 time_nanos;
	__u64 suppressed; /* events of this endpoint, peer and reason left out before this one */
	struct ip_addr source;
	struct ip_addr destination;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 endpoint;
	__u32 cookie;
	__be16 source_port;
	__be16 destination_port; /* for ICMP the type */
	__u8 protocol;
	__u8 reason; /* 0: a packet that passes; else a drop, unless the verdict is audited */
	__u8 direction;
	__u8 family; /* 4 or 6 */
	__u8 verdict;
	__u8 tcp_flags;
	__u8 point; /* 1 + TRACE_TO_…: a packet that passes; 0 for a verdict and a drop */
	__u8 life;  /* of a packet that passes: TRACE_… */
	__u8 mac[2 * ETH_ALEN]; /* as they lie in the frame, the receiver's first */
	__u8 icmp_code;
	__u8 pad[7];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} cilium_events SEC(".maps");

static __always_inline void count(__u8 reason, __u8 direction, __u32 bytes)
{
	__u32 key = (__u32)reason * METRICS_DIRECTIONS + (direction & 1);
	struct metrics_value *value = bpf_map_lookup_elem(&cilium_metrics, &key);

	if (value) {
		value->packets++;
		value->bytes += bytes;
	}
}

/* Whether one more event may be sent; *suppressed gets how many were not since the last one. CPUs may race
 * here: a limit that is passed by one is still a limit.
 */
static __always_inline bool event_allowed(const struct rate_key *key, __u32 now, __u64 *suppressed)
{
	struct rate_value *rate = bpf_map_lookup_elem(&cilium_ratelimit, key);

	if (!rate) {
		struct rate_value first = { .second = now, .sent = 1 };

		bpf_map_update_elem(&cilium_ratelimit, key, &first, BPF_ANY);
		*suppressed = 0;
		return true;
	}
	if (rate->second != now) {
		rate->second = now;
		rate->sent = 0;
	}
	if (rate->sent >= cfg_events_per_second) {
		__sync_fetch_and_add(&rate->suppressed, 1);
		return false;
	}
	rate->sent++;
	*suppressed = rate->suppressed;
	rate->suppressed = 0;
	return true;
}

/* Puts what only events tell of a packet into the scratch area. Comes before what may send one, and before the frame
 * is written. Verified once: see scratch.h.
 */
__noinline int look_at_frame(struct __sk_buff *skb)
{
	struct scratch *s = scratch();
	const struct packet *p;

	if (!s)
		return 0;
	p = &s->packet[THIS_PACKET];
	if (bpf_skb_load_bytes(skb, 0, s->told.mac, sizeof(s->told.mac)))
		__builtin_memset(s->told.mac, 0, sizeof(s->told.mac));
	s->told.icmp_code = 0;
	if (p->icmp_kind)
		bpf_skb_load_bytes(skb, p->l4_offset + 1, &s->told.icmp_code, sizeof(s->told.icmp_code));
	return 0;
}

/* A function of its own also so that struct event is among the object's types, for the test of layouts. */
static __noinline int fill_event(struct event *event, const struct scratch *s, __u8 reason, __u64 suppressed)
{
	const struct packet *p = &s->packet[THIS_PACKET];
	const struct trace *trace = &s->trace;

	event->time_nanos = bpf_ktime_get_ns();
	event->suppressed = suppressed;
	event->source = p->source;
	event->destination = p->destination;
	event->source_identity = trace->source_identity;
	event->destination_identity = trace->destination_identity;
	event->endpoint = trace->endpoint;
	event->cookie = trace->cookie;
	event->source_port = is_icmp(p->protocol) ? 0 : p->source_port;
	event->destination_port = is_icmp(p->protocol) ? bpf_htons(p->icmp_type) : p->destination_port;
	event->protocol = p->protocol;
	event->reason = reason;
	event->direction = trace->direction;
	event->family = p->family;
	event->verdict = trace->verdict;
	event->tcp_flags = p->tcp_flags;
	event->point = trace->point;
	event->life = trace->life;
	__builtin_memcpy(event->mac, s->told.mac, sizeof(event->mac));
	event->icmp_code = s->told.icmp_code;
	__builtin_memset(event->pad, 0, sizeof(event->pad));
	return 0;
}

/* How often a CPU wakes the reader of events. To wake it costs several times what an event does, and it looks
 * again some time after whatever it found: RingBuffer.java naps for longer than this.
 */
#define WAKE_NANOS 1000000

static __always_inline void submit_event(struct scratch *s, struct event *event)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (event->time_nanos - s->woken >= WAKE_NANOS) {
		s->woken = event->time_nanos;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(event, flags);
}

/* Tells of the packet on its way what the trace says. Verified once: see scratch.h. */
__noinline int send_event(__u32 reason)
{
	struct scratch *s = scratch();
	struct event *event;
	struct rate_key key = {};
	__u64 suppressed = 0;

	if (!s)
		return 0;
	key.reason = reason | (__u32)s->trace.point << 8;
	key.endpoint = s->trace.endpoint;
	key.peer = s->trace.peer;
	if (!event_allowed(&key, s->now, &suppressed))
		return 0;
	event = bpf_ringbuf_reserve(&cilium_events, sizeof(*event), 0);
	if (!event) {
		struct rate_value *rate = bpf_map_lookup_elem(&cilium_ratelimit, &key);

		/* The reader is behind: what it misses is counted with what the limit held back. */
		if (rate)
			__sync_fetch_and_add(&rate->suppressed, suppressed + 1);
		return 0;
	}
	fill_event(event, s, reason, suppressed);
	submit_event(s, event);
	return 0;
}

/* Counts and reports a drop; returns what the kernel is told. */
__noinline int drop(struct __sk_buff *skb, __u32 reason)
{
	struct scratch *s = scratch();

	if (!s) {
		count(DROP_SCRATCH_MISSING, 0, skb->len);
		return TC_ACT_SHOT;
	}
	count(reason, s->trace.direction, skb->len);
	record(TEST_DROP, 0, reason, s->trace.endpoint);
	/* Every pod tries its link for routers and groups; that is no news. */
	if (reason != DROP_FORBIDDEN_ICMPV6) {
		look_at_frame(skb);
		send_event(reason);
	}
	return TC_ACT_SHOT;
}
