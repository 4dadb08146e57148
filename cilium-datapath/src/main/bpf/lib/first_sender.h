/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who sent what the node's stack gave the node's own address (a client of a NodePort, so that answers come back
 * by this node): the kernel's connection tracking knows. Policy is asked about that one, and not about the
 * node, whom it lets in everywhere.
 */
#pragma once

#include "ipcache.h"
#include "scratch.h"
#include <bpf/bpf_core_read.h>

/* The kernel's own types, by name: what is read of them is found where this kernel has it. */
union nf_inet_addr {
	__be32 all[4];
} __attribute__((preserve_access_index));

struct nf_conntrack_man {
	union nf_inet_addr u3;
} __attribute__((preserve_access_index));

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
} __attribute__((preserve_access_index));

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
} __attribute__((preserve_access_index));

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2]; /* as the first packet came, and as it is answered */
} __attribute__((preserve_access_index));

struct bpf_ct_opts {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};

extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple,
					 __u32 tuple_size, struct bpf_ct_opts *opts,
					 __u32 opts_size) __weak __ksym;
extern void bpf_ct_release(struct nf_conn *connection) __weak __ksym;

/* bpf_skb_ct_lookup is there (5.18). Without it whoever has the node's address is the node. */
const volatile bool cfg_asks_conntrack = false;

/* Where the connection of a packet began. false where it is none that is known, or began with this source. */
static __always_inline bool first_source(struct __sk_buff *skb, const struct packet *p,
					 struct ip_addr *address)
{
	struct bpf_ct_opts opts = { .netns_id = BPF_F_CURRENT_NETNS, .l4proto = p->protocol };
	struct bpf_sock_tuple answer = {};
	struct nf_conn *connection;
	__u32 size;

	if (!cfg_asks_conntrack)
		return false;
	if (p->family == 4) {
		answer.ipv4.saddr = p->destination.word[3];
		answer.ipv4.daddr = p->source.word[3];
		answer.ipv4.sport = p->destination_port;
		answer.ipv4.dport = p->source_port;
		size = sizeof(answer.ipv4);
	} else {
		__builtin_memcpy(answer.ipv6.saddr, &p->destination, sizeof(answer.ipv6.saddr));
		__builtin_memcpy(answer.ipv6.daddr, &p->source, sizeof(answer.ipv6.daddr));
		answer.ipv6.sport = p->destination_port;
		answer.ipv6.dport = p->source_port;
		size = sizeof(answer.ipv6);
	}
	connection = bpf_skb_ct_lookup(skb, &answer, size, &opts, sizeof(opts));
	if (!connection)
		return false;
	__builtin_memset(address, 0, sizeof(*address));
	if (p->family == 4) {
		address->word[3] = connection->tuplehash[0].tuple.src.u3.all[0];
	} else {
		for (int i = 0; i < 4; i++)
			address->word[i] = connection->tuplehash[0].tuple.src.u3.all[i];
	}
	bpf_ct_release(connection);
	return !same_address(address, &p->source);
}

/* Puts the identity of who began the connection in the place of the node's. The node stays where its packets
 * come from, and where answers go. Verified once: see scratch.h.
 */
__noinline int find_first_sender(struct __sk_buff *skb)
{
	struct scratch *s = scratch();
	struct ip_addr address = {};
	const struct endpoint_version *version;
	const struct packet *p;

	if (!s)
		return 0;
	p = &s->packet[THIS_PACKET];
	if ((p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP) ||
	    p->fragment == FRAGMENT_ORPHAN || p->icmp_kind == ICMP_ERROR ||
	    !first_source(skb, p, &address))
		return 0;
	if (p->family == 6 && is_link_local6(&address))
		return 0; /* as such the node speaks to its neighbours */
	version = endpoint_at(endpoint_of_address(&address, p->family), s->epoch);
	s->party[SOURCE].identity =
		version ? version->identity : find_destination(&address, p->family, s->epoch).identity;
	return 0;
}
