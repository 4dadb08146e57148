/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is told of packets: counters for all, events for drops and for new flows that a rule allowed. */
#pragma once

#include "packet.h"

/* What a verdict was reached from, gathered on the way for the event. */
struct trace {
	__u32 source_identity;
	__u32 destination_identity;
	__u32 endpoint;
	__u32 cookie;
	__u8 direction;
	__u8 verdict;
};

static __always_inline void count(__u8 reason, __u8 direction, __u32 bytes)
{
	__u32 key = (__u32)reason * METRICS_DIRECTIONS + (direction & 1);
	struct metrics_value *value = bpf_map_lookup_elem(&cilium_metrics, &key);

	if (value) {
		value->packets++;
		value->bytes += bytes;
	}
}

/* Whether one more event of this endpoint and reason may be sent; *suppressed gets how many were not
 * since the last one. CPUs may race here: a limit that is passed by one is still a limit.
 */
static __always_inline bool event_allowed(__u32 endpoint, __u8 reason, __u64 *suppressed)
{
	struct rate_key key = { .endpoint = endpoint, .reason = reason };
	struct rate_value *rate = bpf_map_lookup_elem(&cilium_ratelimit, &key);
	__u32 now = now_seconds();

	if (!rate) {
		struct rate_value first = { .second = now, .sent = 1 };

		bpf_map_update_elem(&cilium_ratelimit, &key, &first, BPF_ANY);
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

/* A function of its own also so that struct event is among the object's types, for the test of layouts. */
static __noinline int fill_event(struct event *event, const struct packet *p, const struct trace *trace,
				 __u8 reason, __u64 suppressed)
{
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
	__builtin_memset(event->pad, 0, sizeof(event->pad));
	return 0;
}

static __noinline void send_event(const struct packet *p, const struct trace *trace, __u8 reason)
{
	struct event *event;
	__u64 suppressed = 0;

	if (!event_allowed(trace->endpoint, reason, &suppressed))
		return;
	event = bpf_ringbuf_reserve(&cilium_events, sizeof(*event), 0);
	if (!event) {
		struct rate_key key = { .endpoint = trace->endpoint, .reason = reason };
		struct rate_value *rate = bpf_map_lookup_elem(&cilium_ratelimit, &key);

		/* The reader is behind: what it misses is counted with what the limit held back. */
		if (rate)
			__sync_fetch_and_add(&rate->suppressed, suppressed + 1);
		return;
	}
	fill_event(event, p, trace, reason, suppressed);
	bpf_ringbuf_submit(event, 0);
}

/* Counts and reports a drop; returns what the kernel is told. */
static __always_inline int drop(struct __sk_buff *skb, const struct packet *p, const struct trace *trace,
				__u8 reason)
{
	count(reason, trace->direction, skb->len);
	if (reason != DROP_LINK_LOCAL)
		send_event(p, trace, reason);
	return TC_ACT_SHOT;
}
