/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who sent what the node's stack gave the node's own address (a client of a NodePort, so that answers come back
 * by this node): the kernel's connection tracking knows. Policy is asked about that one, and not about the
 * node, whom it lets in everywhere.
 */
#pragma once

#include "ipcache.h"
#include "kernel_ct.h"
#include "scratch.h"

/* bpf_skb_ct_lookup is there (5.18). It knows TCP and UDP. */
const volatile bool cfg_asks_conntrack = false;

/* The address from which a packet of a connection came first: its own in an answer of the node's. false where
 * the connection is not known.
 */
static __always_inline bool first_source(struct __sk_buff *skb, const struct packet *p,
					 struct ip_addr *address)
{
	struct bpf_ct_opts opts = { .netns_id = BPF_F_CURRENT_NETNS, .l4proto = p->protocol };
	struct bpf_sock_tuple answer = {};
	struct nf_conn *connection;
	__u32 size;

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
	*address = p->source;
	if (opts.dir == CT_DIR_REPLY && p->family == 4) {
		address->word[3] = connection->tuplehash[0].tuple.src.u3.all[0];
	} else if (opts.dir == CT_DIR_REPLY) {
		for (int i = 0; i < 4; i++)
			address->word[i] = connection->tuplehash[0].tuple.src.u3.all[i];
	}
	bpf_ct_release(connection);
	return true;
}

/* Whether the connection tracking of the kernel can be asked about a packet. */
static __always_inline bool may_be_asked(const struct packet *p)
{
	return cfg_asks_conntrack && (p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP) &&
	       p->fragment != FRAGMENT_ORPHAN;
}

/* Puts the identity of whoever sent a packet that no socket of the node did in the place of the node's. The node
 * stays where its packets come from, and where answers go. Of whom nothing is known, they are the world.
 * Verified once: see scratch.h.
 */
__noinline int find_first_sender(struct __sk_buff *skb)
{
	const struct endpoint_version *version;
	struct scratch *s = scratch();
	struct ip_addr address = {};
	const struct packet *p;
	struct party *sender;

	if (!s)
		return 0;
	p = &s->packet[THIS_PACKET];
	sender = &s->party[SOURCE];
	if (!may_be_asked(p) || !first_source(skb, p, &address)) {
		sender->identity = IDENTITY_WORLD;
		return 0;
	}
	if (same_address(&address, &p->source))
		return 0;
	version = endpoint_at(endpoint_of_address(&address, p->family), s->epoch);
	sender->identity =
		version ? version->identity : find_destination(&address, p->family, s->epoch).identity;
	return 0;
}
