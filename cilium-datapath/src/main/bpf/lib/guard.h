/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The host firewall at the devices that lead out of the node: what the node itself is sent and sends is asked of the
 * node's policy. These devices are seen before the kernel's own address translation on the way in, and behind it on
 * the way out: what only looks like the node's traffic is told apart here. docs/datapath.md tells it in words.
 */
#pragma once

#include "decide.h"
#include "kernel_ct.h"

static __always_inline bool is_node_address(const struct ip_addr *address, __u8 family, __u64 epoch)
{
	return ends_at_node(address, family) ||
	       identity_of_address(address, family, epoch) == IDENTITY_HOST;
}

/* ---- what always passes ------------------------------------------------------------------------- */

#define DHCP_SERVER 67
#define DHCP_CLIENT 68
#define DHCP6_CLIENT 546
#define DHCP6_SERVER 547

/* The node's own address, asked for and given. */
static __always_inline bool is_dhcp(const struct packet *p, __u32 origin)
{
	__u16 here = bpf_ntohs(origin == FROM_NETWORK ? p->destination_port : p->source_port);
	__u16 there = bpf_ntohs(origin == FROM_NETWORK ? p->source_port : p->destination_port);

	if (p->protocol != IPPROTO_UDP)
		return false;
	return p->family == 4 ? here == DHCP_CLIENT && there == DHCP_SERVER
			      : here == DHCP6_CLIENT && there == DHCP6_SERVER;
}

/* Tunnels to the cluster's nodes: what is inside is decided where it comes out. */
static __always_inline bool is_tunnel(const struct packet *p, const struct ip_addr *peer, __u64 epoch)
{
	__u32 number;

	if (!cfg_tunnel_port || p->protocol != IPPROTO_UDP || p->destination_port != cfg_tunnel_port)
		return false;
	number = find_destination(peer, p->family, epoch).node;
	return number && is_node(number, peer);
}

/* Of ICMPv6: what a link needs (RFC 4890, 4.4), which opens nothing. */
static __always_inline bool is_of_link(const struct packet *p)
{
	__u8 type = p->icmp_type;

	if (p->family != 6 || p->protocol != IPPROTO_ICMPV6)
		return false;
	return (type >= 130 && type <= 136) || (type >= 141 && type <= 143);
}

static __always_inline bool is_unicast(const struct ip_addr *address, __u8 family)
{
	return family == 4 ? bpf_ntohl(address->word[3]) >> 28 < 0xe :
			     (address->word[0] & bpf_htonl(0xff000000)) != bpf_htonl(0xff000000);
}

static __always_inline bool always_passes(const struct packet *p, __u32 origin, __u64 epoch)
{
	const struct ip_addr *peer = origin == FROM_NETWORK ? &p->source : &p->destination;

	/* An error is about a flow that the kernel knows, or about none. */
	if (p->icmp_kind == ICMP_ERROR || p->protocol == IPPROTO_IGMP || is_of_link(p))
		return true;
	/* Routers speak to each other by groups. What sockets with ports take is asked about. */
	if (!is_unicast(&p->destination, p->family) && p->protocol != IPPROTO_UDP && !is_icmp(p->protocol))
		return true;
	return is_dhcp(p, origin) || is_tunnel(p, peer, epoch);
}

/* ---- what is others' ---------------------------------------------------------------------------- */

#define CT_TRANSLATED (1 << 4 | 1 << 5) /* IPS_SRC_NAT, IPS_DST_NAT */

/* A flow's ends as the kernel's tables have them. Gives how many bytes of it count. */
static __always_inline __u32 tuple_of(const struct packet *p, struct bpf_sock_tuple *tuple)
{
	if (p->family == 4) {
		tuple->ipv4.saddr = p->source.word[3];
		tuple->ipv4.daddr = p->destination.word[3];
		tuple->ipv4.sport = p->source_port;
		tuple->ipv4.dport = p->destination_port;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, &p->source, sizeof(tuple->ipv6.saddr));
	__builtin_memcpy(tuple->ipv6.daddr, &p->destination, sizeof(tuple->ipv6.daddr));
	tuple->ipv6.sport = p->source_port;
	tuple->ipv6.dport = p->destination_port;
	return sizeof(tuple->ipv6);
}

static __always_inline bool has_tuple(const struct packet *p)
{
	return p->fragment != FRAGMENT_ORPHAN && (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP);
}

/* Whether the packet answers one that the stack sent under an address which it translates back now: that of a pod
 * behind a masquerade, or of a client whose connection was led to another node. Verified once: see scratch.h.
 */
__noinline int is_translated_back(struct __sk_buff *skb)
{
	struct bpf_ct_opts opts = { .netns_id = BPF_F_CURRENT_NETNS };
	struct bpf_sock_tuple tuple = {};
	struct scratch *s = scratch();
	const struct packet *p;
	unsigned long status;
	struct nf_conn *ct;
	__u32 bytes;

	if (!s)
		return false;
	p = &s->packet[THIS_PACKET];
	if (!has_tuple(p))
		return false;
	bytes = tuple_of(p, &tuple);
	opts.l4proto = p->protocol;
	ct = bytes == sizeof(tuple.ipv4)
		     ? bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts))
		     : bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple.ipv6), &opts, sizeof(opts));
	if (!ct)
		return false;
	status = ct->status;
	bpf_ct_release(ct);
	return opts.dir == CT_DIR_REPLY && status & CT_TRANSLATED;
}

/* Whether a socket of the node takes the packet. Verified once: see scratch.h. */
__noinline int has_socket(struct __sk_buff *skb)
{
	struct bpf_sock_tuple tuple = {};
	struct scratch *s = scratch();
	const struct packet *p;
	struct bpf_sock *sock;
	__u32 bytes;

	if (!s)
		return true;
	p = &s->packet[THIS_PACKET];
	bytes = tuple_of(p, &tuple);
	if (p->protocol == IPPROTO_TCP)
		sock = bytes == sizeof(tuple.ipv4)
			       ? bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0)
			       : bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	else
		sock = bytes == sizeof(tuple.ipv4)
			       ? bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0)
			       : bpf_sk_lookup_udp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sock)
		return false;
	bpf_sk_release(sock);
	return true;
}

/* Of a frontend with more backends than this nobody looks at all: it counts as the node's. */
#define MAX_LOOKED_AT 256

/* Whether a backend is the node itself. Verified once: see scratch.h. */
__noinline int is_node_backend(__u32 frontend, __u32 place, __u32 index)
{
	const struct lb_backend *backend = lb_backend_of(lb_word(place, REGION_HEAD + index), frontend);
	const struct scratch *s = scratch();

	if (!s || !backend)
		return !s;
	return identity_of_address(&backend->address, backend->family, s->epoch) == IDENTITY_HOST;
}

/* Whether the packet asks a service that the node leads elsewhere: none of its backends is the node itself, and no
 * socket of the node has the port. Verified once: see scratch.h.
 */
__noinline int is_led_away(struct __sk_buff *skb)
{
	struct scratch *s = scratch();
	__u32 frontend, place, count;
	const struct packet *p;

	if (!s)
		return false;
	p = &s->packet[THIS_PACKET];
	if (!has_tuple(p) || !lb_may_be(&p->destination))
		return false;
	frontend = lb_frontend(s, p, p->destination_port, p->protocol);
	place = frontend ? lb_place(frontend) : 0;
	if (!place)
		return false;
	count = lb_word(place, REGION_BACKENDS);
	if (count > MAX_LOOKED_AT)
		return false;
	for (__u32 i = 0; i < MAX_LOOKED_AT && i < count; i++) {
		if (is_node_backend(frontend, place, i))
			return false;
	}
	return !has_socket(skb);
}

/* ---- the way of a packet ------------------------------------------------------------------------ */

#define NOT_OURS (-4) /* the packet is nothing to the node's policy */

/* Steps 3 to 5 for a packet without a present verdict: 0, the reason of a drop, DECIDE_AGAIN or NOT_OURS. Verified
 * once: see scratch.h.
 */
__noinline int judge(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	struct packet *p;
	int reason;

	if (!s)
		return DROP_SCRATCH_MISSING;
	p = &s->packet[THIS_PACKET];
	if (origin == FROM_NETWORK && s->no_entry &&
	    (p->icmp_kind == ICMP_ANSWER || is_translated_back(skb)))
		return NOT_OURS;
	reason = identify(skb, origin);
	if (reason)
		return reason;
	if (origin == FROM_NETWORK && is_led_away(skb))
		s->party[DESTINATION].policy = 0;
	describe_side(&s->to, &s->party[DESTINATION]);
	reason = p->fragment == FRAGMENT_ORPHAN ? evaluate_orphan(s) : decide_flow(s, p, origin);
	/* There is no proxy between the node and the outside. */
	return !reason && s->to.ifindex == PLACE_PROXY ? DROP_POLICY_DENIED : reason;
}

static __always_inline int let_pass(struct __sk_buff *skb, const struct packet *p, __u32 origin)
{
	learn_fragment(skb, p, origin);
	return pass();
}

/* What the node is sent, or sends: what the kernel is told. */
static __always_inline int guard(struct __sk_buff *skb, __u32 origin)
{
	struct scratch *s = scratch();
	struct ct_entry *entry = NULL;
	int reason, result = DECIDE_AGAIN;
	struct packet *p;
	__u32 sender;

	if (!s)
		return TC_ACT_SHOT;
	s->epoch = current_epoch();
	s->now = now_seconds();
	p = &s->packet[THIS_PACKET];
	__builtin_memset(p, 0, sizeof(*p));
	reason = parse_untagged(skb, p);
	if (reason)
		return handle_unreadable(skb, reason, origin);
	if (p->fragment == FRAGMENT_LATER)
		frag_complete(THIS_PACKET, 0);
	if (always_passes(p, origin, s->epoch))
		return let_pass(skb, p, origin);
	s->near = near_of_ends(p);
	make_key(THIS_PACKET);
	sender = s->key[THIS_PACKET].sender & 1;
	if (p->fragment != FRAGMENT_ORPHAN)
		entry = ct_lookup(&s->key[THIS_PACKET]);
	if (entry && entry->stamp == stamp_of(s->epoch, s->near) &&
	    entry->side[sender].ifindex == PLACE_STACK && entry->side[!sender].ifindex == PLACE_STACK &&
	    ct_covers(entry, p, sender, s->now)) {
		ct_touch(entry, p, sender, s->now);
		return let_pass(skb, p, origin);
	}
	look_at_frame(skb);
	s->no_entry = !entry || entry->expires <= s->now;
	s->service = 0;
	s->loops = false;
	s->quotes_backend = 0;
	__builtin_memset(&s->vip, 0, sizeof(s->vip));
	for (int i = 0; i < DECIDE_TRIES && result == DECIDE_AGAIN; i++) {
		s->row_writes = row_writes();
		s->life = TRACE_NOTHING;
		result = judge(skb, origin);
		if (result == DECIDE_AGAIN) {
			s->epoch = current_epoch();
			s->near = near_of_ends(p);
		}
	}
	if (result == DECIDE_AGAIN)
		result = DROP_CHANGE_UNDER_WAY;
	if (result > 0)
		return drop(skb, result);
	if (!result && origin == FROM_NETWORK)
		trace_passed(s->life);
	return let_pass(skb, p, origin);
}
