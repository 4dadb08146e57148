/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The decision, the same for every entry: docs/datapath.md tells it in words. */
#pragma once

#include "neighbour.h"
#include "partner.h"
#include "related.h"
#include "rewrite.h"

/* The state changed while a packet was decided. A row keeps two versions: with one change on its way the
 * packet's own is there still, but the change after that overwrites it, and then rows of several epochs
 * would make one verdict. So nothing is done on such a verdict; the packet is decided anew. The same where
 * an endpoint row was written meanwhile, maybe into the memory of the one that was looked at, and where the
 * counter of an address moved.
 */
#define DECIDE_AGAIN (-2)
#define DECIDE_TRIES 4

static __always_inline bool is_disturbed(const struct scratch *s)
{
	return current_epoch() != s->epoch || row_writes() != s->row_writes || near_of_flow(s) != s->near;
}

/* What conntrack has of a packet's flow. */
enum known {
	NOTHING,   /* the flow is unknown */
	REMAINS,   /* an entry that is over */
	OTHERS,    /* one of endpoints that had the addresses before */
	LIVE,
};

/* Looks the flow up and copies what is known of it to s->fresh. The parties are known. */
static __always_inline enum known load_flow(struct scratch *s)
{
	const struct ct_entry *entry = s->no_entry ? NULL : ct_lookup(&s->key[THIS_PACKET]);

	if (!entry)
		return NOTHING;
	s->fresh = *entry;
	/* Also where what was a frontend is none any more. */
	if (s->fresh.expires <= s->now || is_forward(&s->fresh))
		return REMAINS;
	if (is_flow_of_others(THIS_PACKET))
		return OTHERS;
	if (s->fresh.flags & CT_NAT && !s->service) {
		s->vip = s->fresh.nat_address;
		s->vip_port = s->fresh.nat_port;
		s->near += near_of(&s->vip);
	}
	return LIVE;
}

/* Whether an end of s->fresh may be another pod's than when its last packet passed. */
static __always_inline bool may_be_anothers_flow(const struct scratch *s, __u32 sender)
{
	return may_be_anothers(s->fresh.identity[sender], &s->party[SOURCE]) ||
	       may_be_anothers(s->fresh.identity[!sender], &s->party[DESTINATION]);
}

/* What is asked of a packet. */
enum question {
	ASK_NEW,     /* it begins a flow */
	ASK_MIDST,   /* it is a segment of a connection that is not known */
	ASK_BESIDE,  /* it would begin a flow, but its key is that of a live one, which stays as it is */
	ASK_AGAIN,   /* it is of a flow whose verdict is to be renewed */
	ASK_REVOKED, /* it is of a flow that stays closed */
};

/* A TCP segment that begins nothing. */
static __always_inline bool is_midst(const struct packet *p)
{
	return p->protocol == IPPROTO_TCP && !is_opening(p);
}

static __always_inline enum question question_of(const struct ct_entry *entry, const struct packet *p,
						 bool original, enum known *known)
{
	if (*known == LIVE && is_opening(p)) {
		if (!(entry->flags & CT_MAY_BEGIN_ANEW))
			return original ? ASK_AGAIN : ASK_BESIDE;
		*known = REMAINS;
	}
	if (*known == LIVE)
		return entry->flags & CT_REVOKED ? ASK_REVOKED : ASK_AGAIN;
	/* Endpoints that came later have no connection here that they did not begin. */
	return is_midst(p) && *known != OTHERS ? ASK_MIDST : ASK_NEW;
}

/* Whether a revoked flow begins anew where policy allows it again. */
static __always_inline bool may_resume(const struct packet *p, bool original)
{
	return p->protocol != IPPROTO_TCP && original;
}

/* 0 or the reason of a drop; *reading gets which way the flow began. */
static __always_inline int answer(const struct ct_entry *entry, const struct packet *p,
				  enum question question, bool original, bool asks_service, __u32 *reading)
{
	bool known = question == ASK_AGAIN || question == ASK_REVOKED;
	bool begins = !known || (question == ASK_REVOKED && may_resume(p, original));
	__u32 report = begins ? REPORT_PASSED : REPORT_NOTHING;

	/* Who asks a frontend began. */
	if (!asks_service && (question == ASK_MIDST || (question == ASK_AGAIN && entry->flags & CT_NO_SYN)))
		return evaluate_midst(p, report, reading);
	*reading = known && !original ? REPLY : FORWARD;
	return evaluate(*reading, l4_of(p, *reading), report);
}

static __always_inline void describe_side(struct ct_side *side, const struct party *party)
{
	side->ifindex = party->ifindex;
	side->endpoint = party->endpoint;
	__builtin_memcpy(side->mac, party->mac, ETH_ALEN);
}

/* What comes from the stack goes back there, whoever's it is. */
static __always_inline void describe_sender(struct scratch *s, __u32 sender, __u32 origin)
{
	struct ct_side *side = &s->fresh.side[sender];

	describe_side(side, &s->party[SOURCE]);
	if (origin == FROM_NODE)
		side->ifindex = PLACE_STACK;
	s->fresh.identity[sender] = s->party[SOURCE].identity;
}

/* A flow through a service has two entries, which stand in the same table. */
static __always_inline __u16 charge_flow(const struct scratch *s, __u32 owner, __u32 family)
{
	if (s->service)
		ct_charge(owner, family);
	return ct_charge(owner, family);
}

/* Makes s->fresh the entry of a flow that begins. */
static __always_inline void begin_flow(struct scratch *s, const struct packet *p, __u32 origin,
				       enum known known, __u32 reading)
{
	const struct party *source = &s->party[SOURCE], *destination = &s->party[DESTINATION];
	__u32 sender = s->key[THIS_PACKET].sender & 1;
	struct ct_entry *fresh = &s->fresh;
	__u16 flags;

	/* What takes the place of an entry counts as that did. */
	if (known != NOTHING)
		flags = fresh->flags & CT_OVERFLOW;
	else
		flags = charge_flow(s, device_of(origin == FROM_POD ? source : destination), p->family);
	if (reading == FORWARD ? sender : !sender)
		flags |= CT_INITIATOR_HIGH;
	if (is_midst(p))
		flags |= CT_NO_SYN;
	if (s->redirected || origin == FROM_PROXY)
		flags |= CT_PROXY;
	/* What the stack translated, it must translate back. */
	if (origin == FROM_NODE && source->policy)
		flags |= CT_VIA_STACK;
	__builtin_memset(fresh, 0, sizeof(*fresh));
	fresh->flags = flags;
	describe_sender(s, sender, origin);
	describe_side(&fresh->side[!sender], destination);
	fresh->identity[!sender] = destination->identity;
}

/* Brings a flow that is still allowed up to the present places. The proxy is at neither end. */
static __always_inline void renew_sides(struct scratch *s, __u32 origin)
{
	__u32 sender = s->key[THIS_PACKET].sender & 1;
	struct ct_entry *fresh = &s->fresh;

	if (s->redirected)
		fresh->flags |= CT_PROXY;
	if (origin != FROM_PROXY)
		describe_sender(s, sender, origin);
	fresh->identity[!sender] = s->party[DESTINATION].identity;
	if (fresh->flags & CT_VIA_STACK && fresh->side[!sender].ifindex == PLACE_STACK)
		s->to.ifindex = PLACE_STACK;
	else
		describe_side(&fresh->side[!sender], &s->party[DESTINATION]);
}

/* Puts s->fresh under the packet's key: anew and not written in place, for by now the memory that was
 * looked at may be another flow's. 0, or the reason of a drop. Verified once: see scratch.h.
 */
__noinline int put_flow(void)
{
	struct scratch *s = scratch();

	if (!s)
		return DROP_SCRATCH_MISSING;
	s->fresh.stamp = stamp_of(s->epoch, s->near);
	if (s->service) {
		s->fresh.flags |= CT_NAT | CT_NAT_SOURCE;
		s->fresh.nat_address = s->vip;
		s->fresh.nat_port = s->vip_port;
		s->fresh.service = s->service;
		s->fresh.backend = s->backend;
	}
	if (ct_put(&s->key[THIS_PACKET], &s->fresh))
		return DROP_CT_INSERT_FAILED;
	return s->service && put_forward(s) ? DROP_CT_INSERT_FAILED : 0;
}

/* A flow that policy allows no more stays known as that for as long as its entry would live: else the next
 * packet of the other side would begin it as its own.
 */
static __always_inline int keep_closed(struct scratch *s, const struct packet *p, int reason)
{
	__u32 expires = s->now + ct_lifetime(s->fresh.flags, p->protocol);

	if (s->service || !(s->fresh.flags & CT_REVOKED) || s->fresh.expires != expires) {
		s->fresh.flags |= CT_REVOKED;
		s->fresh.expires = expires;
		put_flow();
	}
	if (reason)
		return reason;
	/* No rule says so. */
	s->trace.cookie = 0;
	s->trace.verdict = POLICY_VERDICT_DENY;
	return DROP_CONNECTION_REVOKED;
}

/* What is asked for an answer to what somebody else was asked. */
static __always_inline __u32 l4_of_answer(const struct packet *p)
{
	return p->icmp_kind == ICMP_ANSWER ? pack_l4(0, p->protocol, p->icmp_type) : l4_of(p, FORWARD);
}

/* Steps 4 and 5: the packet's parties are known. 0, or the reason of a drop, or DECIDE_AGAIN. */
static __always_inline int decide_flow(struct scratch *s, struct packet *p, __u32 origin)
{
	struct ct_key *key = &s->key[THIS_PACKET];
	enum known known = load_flow(s);
	__u32 sender, reading = FORWARD;
	enum question question;
	bool original;
	int reason;

	if (p->icmp_kind == ICMP_ANSWER && known != LIVE) {
		/* Nobody asked: a message like any other. */
		s->answer_id = p->destination_port;
		make_message(p);
		make_key(THIS_PACKET);
		s->no_entry = false;
		known = load_flow(s);
	}
	sender = key->sender & 1;
	original = ct_began_at(&s->fresh, sender);
	question = question_of(&s->fresh, p, original, &known);
	/* It would be answered as a flow through a service is. */
	if (known == LIVE && s->fresh.flags & CT_NAT && !s->service && original && origin == FROM_POD)
		return is_disturbed(s) ? DECIDE_AGAIN : DROP_SERVICE_COLLISION;
	reason = answer(&s->fresh, p, question, original, s->service, &reading);
	if (question == ASK_AGAIN && !reason && !original && may_be_anothers_flow(s, sender) &&
	    !(is_midst(p) && midst_reading(p) == REPLY)) {
		/* What one pod may answer, another one may not for that. */
		s->redirected = 0;
		reason = evaluate(FORWARD, l4_of_answer(p), REPORT_PASSED);
		reading = FORWARD;
		if (reason || p->icmp_kind != ICMP_ANSWER)
			question = ASK_NEW;
	}
	if (is_disturbed(s))
		return DECIDE_AGAIN;
	if (question == ASK_REVOKED && (reason || !may_resume(p, original)))
		return keep_closed(s, p, reason);
	if (question == ASK_AGAIN && reason)
		return keep_closed(s, p, reason);
	if (s->redirected && origin != FROM_PROXY)
		s->to.ifindex = PLACE_PROXY;
	/* The end of a connection that is not known leaves nothing to know. */
	if (reason || question == ASK_BESIDE ||
	    (question <= ASK_MIDST && is_midst(p) && p->tcp_flags & TCP_RST))
		return reason;
	if (question == ASK_AGAIN) {
		renew_sides(s, origin);
		/* It would come out of the stack again and again. */
		if (origin == FROM_NODE && s->to.ifindex == PLACE_STACK)
			return DROP_NO_LOCAL_ENDPOINT;
	} else {
		begin_flow(s, p, origin, known, reading);
	}
	/* What has gone through the proxy goes on so, whatever policy says by now. */
	if (s->fresh.flags & CT_PROXY && origin != FROM_PROXY)
		s->to.ifindex = PLACE_PROXY;
	ct_touch(&s->fresh, p, sender, s->now);
	reason = put_flow();
	if (!reason && !s->service && is_answered(&s->fresh, sender, origin))
		tell_partner();
	return reason;
}

/* Steps 3 to 5 for a packet without a present verdict: 0, and the receiver's end in the scratch area, or
 * what the kernel is told, or DECIDE_AGAIN. Verified once: see scratch.h.
 */
__noinline int decide_slowly(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	int reason, lost = 0;
	struct packet *p;

	if (!s)
		return TC_ACT_SHOT;
	p = &s->packet[THIS_PACKET];
#ifdef FINDS_BACKENDS /* Else there is nobody who asks frontends. */
	lost = find_backend();
#endif
	reason = identify(skb, origin) ?: lost;
	if (!reason) {
		describe_side(&s->to, &s->party[DESTINATION]);
		if (p->fragment != FRAGMENT_ORPHAN) {
			reason = decide_flow(s, p, origin);
			return reason > 0 ? drop(skb, reason) : reason;
		}
		reason = evaluate_orphan(s);
	}
	if (reason)
		return is_disturbed(s) ? DECIDE_AGAIN : drop(skb, reason);
	return 0;
}

/* Writes into the packet what services make of it; the one in the scratch area is again the one on the wire.
 * 0, or the reason of a drop. Verified once: see scratch.h.
 */
__noinline int translate_slowly(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	struct packet *p;

	if (!s)
		return DROP_SCRATCH_MISSING;
	p = &s->packet[THIS_PACKET];
	if (s->quotes_backend)
		return requote(skb, s);
	if (s->service) {
		struct ip_addr address = p->destination;
		__be16 port = p->destination_port;

		forget_backend(s);
		return rewrite_end(skb, p, DESTINATION, &address, port);
	}
	if (!is_answered(&s->fresh, s->key[THIS_PACKET].sender, origin))
		return 0;
	return rewrite_end(skb, p, SOURCE, &s->vip, s->vip_port);
}

/* An error that no known flow answers for is a packet like any other. */
static __always_inline void forget_quoted(struct scratch *s)
{
	if (!s->quotes_backend)
		return;
	s->quotes_backend = 0;
	__builtin_memset(&s->vip, 0, sizeof(s->vip));
	s->near = near_of_ends(&s->packet[THIS_PACKET]);
}

/* The way of a packet that conntrack does not answer for: `p` and what it was decided with are in the
 * scratch area.
 */
static __always_inline int handle_slowly(struct __sk_buff *skb, struct scratch *s, __u32 origin)
{
	struct packet *p = &s->packet[THIS_PACKET];
	int result = DECIDE_AGAIN, reason;

	s->now = now_seconds();
	s->service = 0;
	s->quotes_backend = 0;
	__builtin_memset(&s->vip, 0, sizeof(s->vip));
	for (int i = 0; i < DECIDE_TRIES; i++) {
		s->row_writes = row_writes();
		if (p->icmp_kind == ICMP_ERROR && p->fragment != FRAGMENT_LATER &&
		    is_related(skb, origin)) {
			result = is_disturbed(s) ? DECIDE_AGAIN : 0;
		} else {
			forget_quoted(s);
			result = decide_slowly(skb, origin);
		}
		if (result != DECIDE_AGAIN)
			break;
		forget_backend(s);
		s->quotes_backend = 0;
		s->epoch = current_epoch();
		s->near = near_of_ends(p);
		s->no_entry = false;
	}
	if (result == DECIDE_AGAIN)
		return drop(skb, DROP_CHANGE_UNDER_WAY);
	if (result)
		return result;
	if (!is_unspecified(&s->vip)) {
		reason = translate_slowly(skb, origin);
		if (reason)
			return drop(skb, reason);
		p = &s->packet[THIS_PACKET];
	}
	if (s->to.ifindex == PLACE_PROXY)
		return deliver_to_proxy(skb, p, origin);
	return deliver(skb, p, &s->to, s->trace.source_identity, origin);
}

/* A packet of which nothing more can be known. */
static __always_inline int handle_unreadable(struct __sk_buff *skb, struct scratch *s, int reason,
					     __u32 origin)
{
	trace_device(skb, origin);
	return drop(skb, reason);
}

/* What check_neighbour is worth asking about. */
static __always_inline bool may_be_discovery(struct __sk_buff *skb, const struct packet *p, int reason)
{
	if (reason)
		return reason == DROP_UNSUPPORTED_L3 && skb->protocol == bpf_htons(ETH_P_ARP);
	return p->protocol == IPPROTO_ICMPV6 && (p->icmp_type == ICMPV6_NEIGHBOUR_SOLICITATION ||
						 p->icmp_type == ICMPV6_NEIGHBOUR_ADVERTISEMENT);
}

/* Whether a packet comes from where its flow's entry has its sender. */
static __always_inline bool fits_place(struct __sk_buff *skb, const struct ct_entry *entry, __u32 sender,
				       __u32 origin)
{
	const struct ct_side *side = &entry->side[sender & 1];
	const struct scratch *s;

	if (origin == FROM_POD)
		return side->ifindex == skb->ifindex;
	/* It would come out of the stack again and again. */
	if (origin == FROM_NODE)
		return side->ifindex == PLACE_STACK && entry->side[!(sender & 1)].ifindex != PLACE_STACK;
	if (origin == FROM_PROXY)
		return entry->flags & CT_PROXY;
	s = scratch();
	return side->ifindex == PLACE_OVERLAY && s &&
	       is_of_tunnel(s, node_of(side->mac), entry->identity[sender & 1]);
}

static __always_inline int translate(struct __sk_buff *skb, const struct packet *p,
				     const struct ct_entry *entry, __u32 sender, __u32 origin)
{
	if (is_forward(entry))
		return rewrite_end(skb, p, DESTINATION, &entry->nat_address, entry->nat_port);
	if (is_answered(entry, sender, origin))
		return rewrite_end(skb, p, SOURCE, &entry->nat_address, entry->nat_port);
	return 0;
}

/* The whole way of a packet, from any entry. */
static __always_inline int handle_packet(struct __sk_buff *skb, __u32 origin)
{
	/* Before anything that a change may touch: see epoch.h. */
	__u64 epoch = current_epoch();
	struct packet p = {};
	struct ct_entry *entry = NULL;
	struct ct_key key;
	struct scratch *s;
	bool looked_up;
	int reason, result;
	__u32 near, of_flow;

	reason = parse_packet(skb, &p);
	if (reason || (origin == FROM_POD && may_be_discovery(skb, &p, reason))) {
		s = scratch();
		if (!s)
			return TC_ACT_SHOT;
		s->epoch = epoch;
		s->now = now_seconds();
		s->packet[THIS_PACKET] = p;
		if (origin == FROM_POD && may_be_discovery(skb, &p, reason)) {
			result = check_neighbour(skb);
			if (!result)
				return deliver_to_stack();
			if (result != NOT_DISCOVERY)
				return drop(skb, result);
		}
		if (reason)
			return handle_unreadable(skb, s, reason, origin);
	}
	if (p.fragment == FRAGMENT_LATER) {
		s = scratch();
		if (!s)
			return TC_ACT_SHOT;
		s->packet[THIS_PACKET] = p;
		frag_complete(THIS_PACKET, origin == FROM_POD ? skb->ifindex : 0);
		p = s->packet[THIS_PACKET];
	}
	near = near_of_ends(&p);
	__builtin_memset(&key, 0, sizeof(key));
	ct_key_of(&p, &key);
	/* An error goes first by what it quotes. */
	looked_up = p.fragment != FRAGMENT_ORPHAN && p.icmp_kind != ICMP_ERROR;
	if (looked_up)
		entry = ct_lookup(&key);
	of_flow = entry && entry->flags & CT_NAT ? near + near_of(&entry->nat_address) : near;
	if (entry && entry->stamp == stamp_of(epoch, of_flow) &&
	    fits_place(skb, entry, key.sender, origin)) {
		__u32 now = now_seconds();

		if (ct_covers(entry, &p, key.sender, now) && fits_service(entry, key.sender, origin)) {
			if (ct_touch(entry, &p, key.sender, now) && entry->flags & CT_NAT &&
			    (is_forward(entry) || is_answered(entry, key.sender, origin)))
				touch_partner(&p, &key, entry, now);
			if (entry->flags & CT_NAT && translate(skb, &p, entry, key.sender, origin))
				return fail(skb, &p, origin, DROP_INVALID_PACKET);
			if (origin != FROM_PROXY && entry->flags & CT_PROXY)
				return deliver_to_proxy(skb, &p, origin);
			return deliver(skb, &p, &entry->side[!(key.sender & 1)],
				       entry->identity[key.sender & 1], origin);
		}
	}
	s = scratch();
	if (!s)
		return TC_ACT_SHOT;
	s->epoch = epoch;
	s->near = near;
	s->packet[THIS_PACKET] = p;
	s->key[THIS_PACKET] = key;
	s->no_entry = looked_up && !entry;
	return handle_slowly(skb, s, origin);
}
