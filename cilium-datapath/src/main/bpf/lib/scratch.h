/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The packet on its way and what the slow path works on, kept off the stack, of which all functions together
 * have 512 bytes. The programs run with softirqs off, so a CPU decides one packet at a time.
 *
 * Parties stand here by value. A pointer to a row would be one only until it is stored: the verifier
 * forgets what memory points to. Functions that are not static take numbers for arguments, find the rest
 * here, and are verified once, not once for each way that leads to them.
 */
#pragma once

#include "conntrack.h"
#include "endpoints.h"
#include "services.h"

/* One end of a packet, as far as it is known here. */
struct party {
	__u32 ifindex; /* or one of PLACE_…: no local endpoint */
	__u32 identity;
	__u32 policy;
	__u32 flags;
	__u32 endpoint;
	__u8 mac[ETH_ALEN];
	__u16 pad;
	struct shape_list own_shapes[2];
	struct shape_list aggregate_shapes[2];
};

/* What a verdict was reached from, gathered on the way for the event. */
struct trace {
	__u32 source_identity;
	__u32 destination_identity;
	__u32 endpoint;
	__u32 cookie;
	__u32 peer; /* whose events are limited together */
	__u8 direction;
	__u8 verdict;
	__u8 point; /* of a packet that passes, as in struct event */
	__u8 life;
};

/* What decides nothing, and only events tell. */
struct told {
	__u8 mac[2 * ETH_ALEN]; /* as they lie in the frame, the receiver's first */
	__u8 icmp_code;
	__u8 pad[3];
};

/* What a tunnel's header says. */
struct tunnel {
	struct ip_addr node; /* who sent it */
	__u32 identity;      /* of who sent what is inside */
};

#define SOURCE 0
#define DESTINATION 1

/* Which packet is meant: the one on its way, or the one that it quotes. */
#define THIS_PACKET 0
#define QUOTED_PACKET 1

#define REFUSAL_BYTES 128

/* What refuses a packet: a pseudo header, which is the same sum for either family, and what stands behind the IP
 * header.
 */
struct refusal {
	struct ip_addr source;
	struct ip_addr destination;
	__be32 bytes;
	__be32 protocol;
	__u8 segment[3 * REFUSAL_BYTES]; /* the verifier sees no exact bound */
};

struct scratch {
	__u64 epoch;
	__u64 row_writes;
	__u32 near;
	__u32 now;
	struct packet packet[2];
	struct tunnel tunnel;
	struct walk walk; /* where the last one ended */
	struct party party[2];
	struct trace trace;
	struct told told; /* of the packet that look_at_frame was given last */
	struct ct_key key[2];
	struct ct_entry fresh;
	struct ct_side to; /* the receiver's end, where the packet may pass */
	__be16 answer_id;  /* of an answer that nobody asked for */
	__u16 no_entry;    /* the flow's key was looked up at this epoch, and nothing was there */
	__u32 redirected;  /* 1 << POLICY_…: rules of that direction leave the packet to the proxy */
	__u32 life;	   /* what became of the flow with this packet: TRACE_… */
	__u32 flags_before; /* of the flow's entry, before it learned from this packet */
	__u32 expires_before; /* likewise */
	__u64 woken; /* when an event last woke its reader from here; stays from packet to packet */
	/* Of a flow through a service. What the client asks, or zero: then the flow is through none. */
	struct ip_addr vip;
	__be16 vip_port;
	__u16 service; /* not 0 in what the client sends: the packet here is the one to the backend */
	__u32 backend;
	__u32 quotes_backend; /* an error is to be one about what the client sent */
	struct ct_key wire_key; /* of what the client sent */
	struct ct_entry partner; /* the other entry of a flow through a service */
	struct lb_key lb_key;
	struct lb_affinity_key client;
	__u32 has_affinity; /* the client is to keep the backend */
	struct ip_addr becomes[2]; /* what takes the place of the packet's ends */
	struct refusal refusal;
	__u32 forwarded;    /* its source is the node's address, but the node only passes it on */
	__u32 loops;        /* the backend is the client itself, which is loop_address for it */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} cilium_scratch SEC(".maps");

static __always_inline struct scratch *scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cilium_scratch, &zero);
}

/* Makes the key of a packet's flow. Verified once: see above. */
__noinline int make_key(__u32 which)
{
	struct scratch *s = scratch();
	struct ct_key *key;

	if (!s)
		return 0;
	key = &s->key[which & 1];
	__builtin_memset(key, 0, sizeof(*key));
	ct_key_of(&s->packet[which & 1], key);
	return 0;
}

/* The counters of what a packet's verdict depends on, beside the epoch. */
static __always_inline __u32 near_of_ends(const struct packet *p)
{
	return near_of(&p->source) + near_of(&p->destination);
}

/* The same of the packet in the scratch area, with the frontend that it asks or answers for. */
static __always_inline __u32 near_of_flow(const struct scratch *s)
{
	__u32 near = near_of_ends(&s->packet[THIS_PACKET]);

	return is_unspecified(&s->vip) ? near : near + near_of(&s->vip);
}

/* ---- where packets went, for test runs -------------------------------------------------------- */

#define TEST_STACK 1
#define TEST_ENDPOINT 2
#define TEST_DROP 3
#define TEST_PASS 4 /* to whatever else is on the device */
#define TEST_NODE 5 /* through the tunnel */
#define TEST_PROXY 6

struct test_record {
	__u32 action;
	__u32 ifindex; /* of the endpoint's device; the number of the node */
	__u32 reason;  /* of the drop */
	__u32 endpoint; /* whose policy decided; to a node the identity that is told to it */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct test_record);
} cilium_test SEC(".maps");

static __always_inline void record(__u32 action, __u32 ifindex, __u32 reason, __u32 endpoint)
{
	struct test_record *record;
	__u32 zero = 0;

	if (!cfg_test)
		return;
	record = bpf_map_lookup_elem(&cilium_test, &zero);
	if (!record)
		return;
	record->action = action;
	record->ifindex = ifindex;
	record->reason = reason;
	record->endpoint = endpoint;
}
