// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The proxy's listeners, in its network namespace: each new connection, to whatever address and port, goes
 * to the one listener of its family and protocol. Packets of connections that are known, and of those that
 * ended, never come here.
 */
#include "lib/events.h"

#define LISTENER_UDP 2
#define LISTENER_IPV6 1

/* LISTENER_… -> socket. A socket that is closed leaves by itself. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} cilium_listeners SEC(".maps");

SEC("sk_lookup")
int cil_steer(struct bpf_sk_lookup *lookup)
{
	__u32 index = (lookup->protocol == IPPROTO_UDP ? LISTENER_UDP : 0) |
		      (lookup->family == AF_INET6 ? LISTENER_IPV6 : 0);
	struct bpf_sock *listener = bpf_map_lookup_elem(&cilium_listeners, &index);
	long error;

	if (!listener) {
		/* The namespace has no other sockets, so it refuses. */
		count(DROP_PROXY_GONE, 0, 0);
		return SK_PASS;
	}
	error = bpf_sk_assign(lookup, listener, 0);
	bpf_sk_release(listener);
	return error ? SK_DROP : SK_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
