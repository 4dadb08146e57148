/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What becomes of the flow that a packet is of: what conntrack has of it, what policy is asked, what is kept. */
#pragma once

#include "partner.h"
#include "related.h"
#include "trace.h"

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
		s->loops = s->fresh.flags & CT_LOOPBACK;
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

/* What begins beside an answer of a service, in the place of its flow, is through no service: its stamp has no
 * share of the frontend's counter.
 */
static __always_inline void forget_service(struct scratch *s)
{
	if (s->service || is_unspecified(&s->vip))
		return;
	s->near -= near_of(&s->vip);
	__builtin_memset(&s->vip, 0, sizeof(s->vip));
}

/* That a flow goes through the proxy, and who says so: of both ends the one that began, for its rules are asked first. */
static __always_inline __u16 proxy_flags(const struct scratch *s)
{
	if (!s->redirected)
		return 0;
	return s->redirected & 1 << POLICY_EGRESS ? CT_PROXY : CT_PROXY | CT_PROXY_INGRESS;
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
	flags |= origin == FROM_PROXY ? CT_PROXY : proxy_flags(s);
	/* What the stack translated, it must translate back. */
	if (origin == FROM_NODE && source->endpoint)
		flags |= CT_VIA_STACK;
	if (cfg_host_endpoint && s->forwarded)
		flags |= CT_FORWARDED;
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

	if (!(fresh->flags & CT_PROXY))
		fresh->flags |= proxy_flags(s);
	if (origin != FROM_PROXY)
		describe_sender(s, sender, origin);
	fresh->identity[!sender] = s->party[DESTINATION].identity;
	if (fresh->flags & CT_VIA_STACK && fresh->side[!sender].ifindex == PLACE_STACK)
		s->to.ifindex = PLACE_STACK;
	else
		describe_side(&fresh->side[!sender], &s->party[DESTINATION]);
}

/* Puts s->fresh under the packet's key: anew and not written in place, for by now the memory that was
 * looked at may be another flow's. 0, or the reason of a drop.
 */
static __always_inline int put_flow(struct scratch *s)
{
	s->fresh.stamp = stamp_of(s->epoch, s->near);
	if (s->service) {
		s->fresh.flags |= CT_NAT | CT_NAT_SOURCE | (s->loops ? CT_LOOPBACK : 0);
		s->fresh.nat_address = s->vip;
		s->fresh.nat_port = s->vip_port;
		s->fresh.service = s->service;
		s->fresh.backend = s->backend;
	}
	if (ct_put(&s->key[THIS_PACKET], &s->fresh))
		return DROP_CT_INSERT_FAILED;
	if (!s->service)
		return 0;
	if (s->has_affinity)
		lb_remember(s);
	return tell_partner(PARTNER_OF_NEW) ? DROP_CT_INSERT_FAILED : 0;
}

/* Whether s->fresh is the present entry of a packet from a pod to itself, each of which comes here. */
static __always_inline bool is_looping_on(const struct scratch *s)
{
	const struct ct_entry *entry = &s->fresh;

	if (!s->loops || entry->stamp != stamp_of(s->epoch, s->near))
		return false;
	return !s->service || (entry->flags & CT_LOOPBACK && entry->backend == s->backend &&
			       entry->nat_port == s->vip_port && same_address(&entry->nat_address, &s->vip));
}

/* Keeps the flow of a packet that passes: one that begins, or, where the question is ASK_AGAIN, one that goes on.
 * 0, or the reason of a drop. Verified once: see scratch.h.
 */
__noinline int keep_flow(__u32 origin, __u32 question, __u32 known, __u32 reading)
{
	struct scratch *s = scratch();
	const struct packet *p;
	__u32 sender;
	__u16 before;
	int reason;

	if (!s)
		return DROP_SCRATCH_MISSING;
	p = &s->packet[THIS_PACKET];
	sender = s->key[THIS_PACKET].sender & 1;
	if (question == ASK_AGAIN && is_looping_on(s) && !ct_touch(&s->fresh, p, sender, s->now))
		return 0;
	if (question == ASK_AGAIN) {
		renew_sides(s, origin);
		/* It would come out of the stack again and again. */
		if (origin == FROM_NODE && s->to.ifindex == PLACE_STACK)
			return DROP_NO_LOCAL_ENDPOINT;
	} else {
		forget_service(s);
		begin_flow(s, p, origin, known, reading);
	}
	/* What has gone through the proxy goes on so, whatever policy says by now. */
	if (s->fresh.flags & CT_PROXY && origin != FROM_PROXY)
		s->to.ifindex = PLACE_PROXY;
	before = s->fresh.flags;
	ct_touch(&s->fresh, p, sender, s->now);
	if (question == ASK_AGAIN)
		s->life = life_of(before, &s->fresh, sender);
	else
		s->life = reading == REPLY ? TRACE_REPLY : TRACE_NEW;
	reason = put_flow(s);
	if (!reason && !s->service && is_answered(&s->fresh, sender, origin))
		tell_partner(PARTNER_OF_OLD);
	return reason;
}

/* A flow that policy allows no more stays known as that for as long as its entry would live: else the next
 * packet of the other side would begin it as its own. The reason of the drop, which is `reason` where there is
 * one. Verified once: see scratch.h.
 */
__noinline int keep_closed(int reason)
{
	struct scratch *s = scratch();
	__u32 expires;

	if (!s)
		return DROP_SCRATCH_MISSING;
	expires = s->now + ct_lifetime(s->fresh.flags, s->packet[THIS_PACKET].protocol);
	if (s->service || !(s->fresh.flags & CT_REVOKED) || s->fresh.expires != expires) {
		s->fresh.flags |= CT_REVOKED;
		s->fresh.expires = expires;
		put_flow(s);
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

/* A flow that the node passes on under its own address is not the node's, whichever end sends. */
static __always_inline void forgive_host(struct scratch *s, enum known known, __u32 origin)
{
	if (known != LIVE || !(s->fresh.flags & CT_FORWARDED))
		return;
	if (origin == FROM_NODE && !s->forwarded && s->party[SOURCE].identity == IDENTITY_HOST) {
		s->fresh.flags &= ~CT_FORWARDED;
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (!s->party[i].endpoint)
			s->party[i].policy = 0;
	}
}

/* Steps 4 and 5: the packet's parties are known. 0, or the reason of a drop, or DECIDE_AGAIN. */
static __always_inline int decide_flow(struct scratch *s, struct packet *p, __u32 origin)
{
	struct ct_key *key = &s->key[THIS_PACKET];
	enum known known = load_flow(s);
	__u32 sender, reading = FORWARD;
	enum question question;
	int reason, refused = 0;
	bool original;

	if (p->icmp_kind == ICMP_ANSWER && known != LIVE) {
		/* Nobody asked: a message like any other. */
		s->answer_id = p->destination_port;
		make_message(p);
		make_key(THIS_PACKET);
		s->no_entry = false;
		known = load_flow(s);
	}
	if (cfg_host_endpoint)
		forgive_host(s, known, origin);
	sender = key->sender & 1;
	original = ct_began_at(&s->fresh, sender);
	question = question_of(&s->fresh, p, original, &known);
	if (is_to_itself(s)) {
		if (!s->loops || question != ASK_AGAIN)
			refused = DROP_NO_SERVICE;
	} else if (known == LIVE && s->fresh.flags & CT_NAT && !s->service && original && origin == FROM_POD) {
		/* It would be answered as a flow through a service is. */
		refused = DROP_SERVICE_COLLISION;
	}
	reason = refused;
	/* A pod may speak to itself. */
	if (!refused && !s->loops)
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
	if (refused)
		return reason;
	if ((question == ASK_REVOKED && (reason || !may_resume(p, original))) ||
	    (question == ASK_AGAIN && reason))
		return keep_closed(reason);
	if (s->redirected && origin != FROM_PROXY)
		s->to.ifindex = PLACE_PROXY;
	/* The end of a connection that is not known leaves nothing to know. */
	if (reason || question == ASK_BESIDE ||
	    (question <= ASK_MIDST && is_midst(p) && p->tcp_flags & TCP_RST))
		return reason;
	return keep_flow(origin, question, known, reading);
}
