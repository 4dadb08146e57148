/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The decision, the same for every entry: docs/datapath.md tells it in words. */
#pragma once

#include "conntrack.h"
#include "deliver.h"
#include "events.h"
#include "identity.h"

/* What the slow path works on, kept off the stack, of which all functions together have 512 bytes. The
 * programs run with softirqs off, so a CPU decides one packet at a time.
 */
struct scratch {
	struct packet packet;
	struct ct_key key;
	struct ct_side to; /* the receiver's end, where the packet may pass */
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

/* Both parties of a packet, as far as they are known here. */
struct parties {
	const struct endpoint *source_row; /* NULL: behind the stack */
	const struct endpoint *destination_row;
	const struct endpoint_version *source;
	const struct endpoint_version *destination;
	__u32 source_identity;
	__u32 destination_identity;
};

static __always_inline bool has_address(const struct endpoint *row, const struct packet *p)
{
	if (p->family == 4)
		return row->ipv4 && row->ipv4 == p->source.word[3];
	return (row->ipv6.half[0] | row->ipv6.half[1]) && row->ipv6.half[0] == p->source.half[0] &&
	       row->ipv6.half[1] == p->source.half[1];
}

static __always_inline bool is_link_local(const struct packet *p)
{
	return p->family == 6 && ((p->source.word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000) ||
				  !(p->source.half[0] | p->source.half[1]));
}

/* Step 3: who is it? 0 or the reason of a drop. */
static __always_inline int identify(struct __sk_buff *skb, const struct packet *p, enum origin origin,
				    __u64 epoch, struct parties *who, struct trace *trace)
{
	if (origin == FROM_POD) {
		who->source_row = endpoint_of_device(skb->ifindex);
		who->source = endpoint_at(who->source_row, epoch);
		if (!who->source)
			return DROP_UNKNOWN_SENDER;
		trace->endpoint = who->source_row->id;
		who->source_identity = who->source->identity;
		trace->source_identity = who->source_identity;
		if (!has_address(who->source_row, p))
			return DROP_INVALID_SOURCE_IP;
	} else {
		/* A pod's packet may come by way of the stack, where the node translated its destination: its
		 * policy is asked about the new one.
		 */
		who->source_row = endpoint_of_address(&p->source, p->family);
		who->source = endpoint_at(who->source_row, epoch);
		who->source_identity = who->source
					       ? who->source->identity
					       : identity_of_address(&p->source, p->family, epoch);
		trace->source_identity = who->source_identity;
	}
	who->destination_row = endpoint_of_address(&p->destination, p->family);
	who->destination = endpoint_at(who->destination_row, epoch);
	if (who->destination) {
		who->destination_identity = who->destination->identity;
	} else {
		who->destination_row = NULL;
		if (origin == FROM_NODE)
			return DROP_UNKNOWN_ENDPOINT;
		who->destination_identity = identity_of_address(&p->destination, p->family, epoch);
	}
	trace->destination_identity = who->destination_identity;
	return 0;
}

/* Why an endpoint's policy does not let a packet through, or 0. */
static __always_inline int refusal(policy_match match)
{
	if (!match)
		return DROP_POLICY_DENIED;
	if (match_is_deny(match))
		return DROP_POLICY_DENY;
	if (match & MATCH_AUTH)
		return DROP_AUTH_REQUIRED;
	if (match & MATCH_NO_PROXY)
		return DROP_POLICY_DENIED;
	return 0;
}

/* Which flows that pass are worth an event: those that name a rule, and audited ones. */
#define REPORT_PASSED true
#define REPORT_NOTHING false

/* One endpoint's word on the packet; 0 or the reason of a drop. */
static __always_inline int ask(const struct endpoint *row, const struct endpoint_version *subject,
			       __u8 direction, __u32 peer, const struct packet *p, __u16 port,
			       bool report, struct trace *trace)
{
	policy_match match = policy_lookup(subject, direction, peer, p->protocol, port);
	int reason = refusal(match);
	bool audited = reason && subject->flags & ENDPOINT_AUDITED;

	trace->direction = direction;
	trace->endpoint = row->id;
	trace->cookie = match_cookie(match);
	trace->verdict = audited  ? POLICY_VERDICT_AUDITED
			 : reason ? POLICY_VERDICT_DENY
				  : POLICY_VERDICT_ALLOW;
	if (reason && !audited)
		return reason;
	if (report && (audited || trace->cookie))
		send_event(p, trace, reason);
	return 0;
}

/* Step 4: the flow's initiator may send, and its responder may be sent to. `reply`: the packet is the
 * responder's.
 */
static __noinline int evaluate(const struct packet *p, const struct parties *who, bool reply, bool report,
			       struct trace *trace)
{
	const struct endpoint *from_row = reply ? who->destination_row : who->source_row;
	const struct endpoint *to_row = reply ? who->source_row : who->destination_row;
	const struct endpoint_version *from = reply ? who->destination : who->source;
	const struct endpoint_version *to = reply ? who->source : who->destination;
	__u32 from_identity = reply ? who->destination_identity : who->source_identity;
	__u32 to_identity = reply ? who->source_identity : who->destination_identity;
	__u16 port = bpf_ntohs(reply ? p->source_port : p->destination_port);
	int reason;

	if (p->icmp_echo) {
		port = p->icmp_type;
		/* The request's type stands for the flow, also when its answer is what comes first after
		 * the epoch moved.
		 */
		if (reply)
			port = p->family == 4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;
	}
	if (from_row && from) {
		reason = ask(from_row, from, POLICY_EGRESS, to_identity, p, port, report, trace);
		if (reason)
			return reason;
	}
	if (to_row && to)
		return ask(to_row, to, POLICY_INGRESS, from_identity, p, port, report, trace);
	return 0;
}

static __always_inline void describe_side(struct ct_side *side, const struct endpoint *row)
{
	if (row) {
		side->ifindex = row->ifindex;
		side->endpoint = row->id;
		__builtin_memcpy(side->mac, row->mac, ETH_ALEN);
	}
}

/* The epoch moved while a packet was decided. A row keeps two versions: with one change on its way the
 * packet's own is there still, but the change after that overwrites it, and then rows of several epochs
 * would make one verdict. So nothing is done on such a verdict; the packet is decided anew. The same where
 * an endpoint row was written meanwhile, maybe into the memory of the one that was looked at.
 */
#define DECIDE_AGAIN (-2)
#define DECIDE_TRIES 4

static __always_inline bool is_disturbed(__u64 epoch, __u64 writes)
{
	return current_epoch() != epoch || row_writes() != writes;
}

/* Steps 3 to 5 for a packet without a present verdict: 0, and the receiver's end in the scratch area, or
 * what the kernel is told, or DECIDE_AGAIN. Not static, as policy_longest: the verifier reads it once.
 */
__noinline int decide_slowly(struct __sk_buff *skb, __u32 origin, __u64 epoch)
{
	struct trace trace = { .direction = origin == FROM_POD ? POLICY_EGRESS : POLICY_INGRESS };
	struct scratch *s = scratch();
	struct ct_entry *entry, fresh = {};
	__u64 writes = row_writes();
	struct parties who = {};
	bool reply = false;
	__u32 now, sender;
	int reason = 0;

	if (!s)
		return TC_ACT_SHOT;
	if (is_link_local(&s->packet))
		return drop(skb, &s->packet, &trace, DROP_LINK_LOCAL);
	reason = identify(skb, &s->packet, origin, epoch, &who, &trace);
	if (is_disturbed(epoch, writes))
		return DECIDE_AGAIN;
	if (reason)
		return drop(skb, &s->packet, &trace, reason);
	__builtin_memset(&s->to, 0, sizeof(s->to));
	describe_side(&s->to, who.destination_row);
	now = now_seconds();
	sender = s->key.sender & 1;
	entry = ct_lookup(&s->key);
	if (entry && ct_is_over(entry, &s->packet, now))
		entry = NULL;
	/* Once, or twice: a reply whose flow is revoked is then a new flow of its own. */
	for (int i = 0; i < 2; i++) {
		reply = entry && !ct_began_at(entry, sender);
		reason = evaluate(&s->packet, &who, reply, !entry, &trace);
		if (is_disturbed(epoch, writes))
			return DECIDE_AGAIN;
		if (!reason || !entry)
			break;
		ct_remove(&s->key);
		entry = NULL;
		if (!reply)
			break;
	}
	if (reason)
		return drop(skb, &s->packet, &trace, reason);
	if (entry) {
		/* Put anew and not written in place: by now the memory may be another flow's. */
		fresh = *entry;
		if (origin == FROM_POD)
			describe_side(&fresh.side[sender], who.source_row);
		/* A way back through the stack stays so: what the stack translated, it must translate back. */
		if (fresh.side[!sender].ifindex)
			describe_side(&fresh.side[!sender], who.destination_row);
		else
			__builtin_memset(&s->to, 0, sizeof(s->to));
	} else {
		if (origin == FROM_NODE)
			who.source_row = NULL;
		fresh.flags = sender ? CT_INITIATOR_HIGH : 0;
		describe_side(&fresh.side[0], sender ? who.destination_row : who.source_row);
		describe_side(&fresh.side[1], sender ? who.source_row : who.destination_row);
	}
	fresh.epoch = epoch;
	ct_touch(&fresh, &s->packet, sender, now);
	if (ct_insert(&s->key, &fresh))
		return drop(skb, &s->packet, &trace, DROP_CT_INSERT_FAILED);
	return 0;
}

/* Step 6: an ICMP error passes as the flow does whose packet it quotes. Returns whether it does, with the
 * receiver's end in the scratch area. Whoever sends it from a pod must be the one that the quoted packet
 * was for: errors about other people's flows are forgeries. From the node any router may send one.
 */
__noinline int is_related(struct __sk_buff *skb, __u32 origin, __u64 epoch)
{
	struct scratch *s = scratch();
	__u64 writes = row_writes();
	struct packet quoted = {};
	struct trace trace = {};
	struct parties who = {};
	struct ct_entry *entry;

	if (!s || parse_quoted(skb, &s->packet, &quoted) ||
	    compare_addresses(&quoted.source, &s->packet.destination))
		return false;
	if (origin == FROM_POD && compare_addresses(&quoted.destination, &s->packet.source))
		return false;
	__builtin_memset(&s->key, 0, sizeof(s->key));
	ct_key_of(&quoted, &s->key);
	entry = ct_lookup(&s->key);
	if (!entry || entry->expires <= now_seconds())
		return false;
	/* Also refuses an error with a forged source, before anything else is believed. */
	if (identify(skb, &s->packet, origin, epoch, &who, &trace))
		return false;
	__builtin_memset(&s->to, 0, sizeof(s->to));
	describe_side(&s->to, who.destination_row);
	/* Then decide_slowly sees it too, and both are tried again. */
	if (is_disturbed(epoch, writes))
		return false;
	if (entry->epoch == epoch)
		return true;
	/* The error's receiver sent the quoted packet, to somebody who may not be the error's sender. */
	__builtin_memset(&who, 0, sizeof(who));
	who.source_row = endpoint_of_address(&quoted.source, quoted.family);
	who.source = endpoint_at(who.source_row, epoch);
	who.source_identity = who.source ? who.source->identity
					 : identity_of_address(&quoted.source, quoted.family, epoch);
	who.destination_row = endpoint_of_address(&quoted.destination, quoted.family);
	who.destination = endpoint_at(who.destination_row, epoch);
	who.destination_identity =
		who.destination ? who.destination->identity
				: identity_of_address(&quoted.destination, quoted.family, epoch);
	if (evaluate(&quoted, &who, !ct_began_at(entry, s->key.sender & 1), REPORT_NOTHING, &trace))
		return false;
	return !is_disturbed(epoch, writes);
}

/* Who has the next hop's address: a question to the node, which has nothing to do with any flow. Only a pod
 * whose devices somebody else made asks, the others are told beforehand. Only what ends at the node: sent
 * to another destination such a packet would be routed on, past the policy.
 */
static __always_inline bool asks_for_neighbour(struct __sk_buff *skb, const struct packet *p, __u64 epoch)
{
	if (skb->protocol == bpf_htons(ETH_P_ARP))
		return true;
	if (p->family != 6 || p->protocol != IPPROTO_ICMPV6 ||
	    (p->icmp_type != ICMPV6_NEIGHBOUR_SOLICITATION &&
	     p->icmp_type != ICMPV6_NEIGHBOUR_ADVERTISEMENT))
		return false;
	/* ff02::/16 stays on the link. */
	return (p->destination.word[0] & bpf_htonl(0xffff0000)) == bpf_htonl(0xff020000) ||
	       identity_of_address(&p->destination, 6, epoch) == IDENTITY_HOST;
}

/* The whole way of a packet, from either entry. */
static __always_inline int handle_packet(struct __sk_buff *skb, enum origin origin)
{
	/* Before anything that a change may touch: see maps.h. */
	__u64 epoch = current_epoch();
	struct ct_entry *entry;
	struct packet p = {};
	struct ct_key key;
	struct scratch *s;
	int result;

	result = parse_packet(skb, &p);
	if (origin == FROM_POD && asks_for_neighbour(skb, &p, epoch) &&
	    endpoint_at(endpoint_of_device(skb->ifindex), epoch))
		return TC_ACT_OK;
	if (result) {
		const struct endpoint *row = endpoint_of_device(skb->ifindex);
		struct trace trace = { .direction = origin == FROM_POD ? POLICY_EGRESS : POLICY_INGRESS,
				       .endpoint = row ? row->id : 0 };

		return drop(skb, &p, &trace, result);
	}
	__builtin_memset(&key, 0, sizeof(key));
	ct_key_of(&p, &key);
	entry = ct_lookup(&key);
	if (entry && entry->epoch == epoch &&
	    entry->side[key.sender & 1].ifindex == (origin == FROM_POD ? skb->ifindex : 0)) {
		__u32 now = now_seconds();

		if (!ct_is_over(entry, &p, now)) {
			ct_touch(entry, &p, key.sender, now);
			return deliver(skb, &p, &entry->side[!(key.sender & 1)], origin);
		}
	}
	s = scratch();
	if (!s)
		return TC_ACT_SHOT;
	s->packet = p;
	for (int i = 0; i < DECIDE_TRIES; i++) {
		s->key = key;
		if (p.icmp_error && is_related(skb, origin, epoch)) {
			result = 0;
			break;
		}
		s->key = key;
		result = decide_slowly(skb, origin, epoch);
		if (result != DECIDE_AGAIN)
			break;
		epoch = current_epoch();
	}
	if (result)
		return result == DECIDE_AGAIN ? TC_ACT_SHOT : result;
	return deliver(skb, &p, &s->to, origin);
}
