// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Services as the node's own processes reach them: a frontend is exchanged for a backend where a socket connects
 * or sends, so that packets know of backends only, and is put back where a process asks whom it speaks to. Pods
 * are left alone: their packets are translated one by one. A socket's network tells whose it is.
 */
#include "lib/services.h"

#define GO_ON 1
#define REFUSE 0 /* the process gets EPERM, where no other error was chosen */
#define ECONNREFUSED 111

/* The node's network, as the kernel numbers it. */
const volatile __u64 cfg_netns_cookie = 0;

/* Whether a process that asks a service which cannot serve gets ECONNREFUSED: bpf_set_retval is there (6.1). */
const volatile bool cfg_chooses_error = false;

/* A socket, and the backend that it speaks to. */
struct lb_peer {
	__u64 cookie;
	struct ip_addr address;
	__be16 port;
	__u16 pad[3];
};

/* The frontend that it thinks it speaks to. */
struct lb_vip {
	struct ip_addr address;
	__be16 port;
	__u16 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct lb_peer);
	__type(value, struct lb_vip);
} cilium_lb_reverse_sk SEC(".maps");

static __always_inline bool is_nodes(struct bpf_sock_addr *ctx)
{
	return lb_place(0) && (ctx->protocol == IPPROTO_TCP || ctx->protocol == IPPROTO_UDP) &&
	       bpf_get_netns_cookie(ctx) == cfg_netns_cookie;
}

/* The backend of a frontend that a client keeps, or one by the socket. */
static __always_inline const struct lb_backend *choose(__u32 frontend, __u64 cookie, __u64 netns)
{
	__u32 place = lb_place(frontend), count, seconds, number, now;
	struct lb_affinity_key client = { .frontend = frontend };
	const struct lb_backend *backend;
	struct lb_affinity *last = NULL;

	if (!place)
		return NULL;
	count = lb_word(place, REGION_BACKENDS);
	seconds = lb_word(place, REGION_AFFINITY);
	if (!count)
		return NULL;
	now = now_seconds();
	client.client.half[0] = netns;
	if (seconds)
		last = bpf_map_lookup_elem(&cilium_lb_affinity, &client);
	if (last && now - last->last <= seconds) {
		backend = lb_backend_of(last->backend, frontend);
		if (backend && backend->state == BACKEND_ACTIVE) {
			last->last = now;
			return backend;
		}
	}
	number = lb_word(place, REGION_HEAD + ((lb_mix(0, cookie) & 0xffffffff) * count >> 32));
	backend = lb_backend_of(number, frontend);
	if (!backend || backend->state == BACKEND_GONE)
		return NULL;
	if (seconds) {
		struct lb_affinity fresh = { .backend = number, .last = now };

		bpf_map_update_elem(&cilium_lb_affinity, &client, &fresh, BPF_ANY);
	}
	return backend;
}

static __always_inline int refuse(void)
{
	if (cfg_chooses_error)
		bpf_set_retval(-ECONNREFUSED);
	return REFUSE;
}

/* What becomes of a call to the address and port in *key, which get the backend's. */
static __always_inline int exchange(struct bpf_sock_addr *ctx, struct lb_key *key)
{
	const struct lb_backend *backend;
	struct lb_peer peer = {};
	struct lb_vip vip = {};
	__u32 frontend;

	frontend = lb_frontend_of(key);
	if (!frontend) {
		__be16 port = key->port;
		__u8 protocol = key->protocol;

		key->port = 0;
		key->protocol = 0;
		frontend = lb_frontend_of(key);
		key->port = port;
		key->protocol = protocol;
		return frontend ? refuse() : GO_ON;
	}
	peer.cookie = bpf_get_socket_cookie(ctx);
	backend = choose(frontend, peer.cookie, bpf_get_netns_cookie(ctx));
	if (!backend)
		return refuse();
	vip.address = key->address;
	vip.port = key->port;
	key->address = backend->address;
	key->port = backend->port;
	peer.address = key->address;
	peer.port = key->port;
	bpf_map_update_elem(&cilium_lb_reverse_sk, &peer, &vip, BPF_ANY);
	return GO_ON;
}

/* Puts the frontend in the place of the backend in *key. false where the socket was given none for it. */
static __always_inline bool put_back(struct bpf_sock_addr *ctx, struct lb_key *key)
{
	const struct lb_vip *vip;
	struct lb_peer peer = {};

	peer.cookie = bpf_get_socket_cookie(ctx);
	peer.address = key->address;
	peer.port = key->port;
	vip = bpf_map_lookup_elem(&cilium_lb_reverse_sk, &peer);
	if (!vip)
		return false;
	key->address = vip->address;
	key->port = vip->port;
	return true;
}

/* Where a call goes. An IPv6 socket may speak IPv4, by a mapped address. family: the hook's. */
static __always_inline void read_address(struct bpf_sock_addr *ctx, struct lb_key *key, __u8 family)
{
	key->port = ctx->user_port;
	key->protocol = ctx->protocol;
	key->family = family;
	if (family == 4) {
		key->address.word[3] = ctx->user_ip4;
		return;
	}
	key->address.word[3] = ctx->user_ip6[3];
	if (!ctx->user_ip6[0] && !ctx->user_ip6[1] && ctx->user_ip6[2] == bpf_htonl(0xffff)) {
		key->family = 4;
		return;
	}
	key->address.word[0] = ctx->user_ip6[0];
	key->address.word[1] = ctx->user_ip6[1];
	key->address.word[2] = ctx->user_ip6[2];
}

static __always_inline void write_address(struct bpf_sock_addr *ctx, const struct lb_key *key, __u8 family)
{
	ctx->user_port = key->port;
	if (family == 4) {
		ctx->user_ip4 = key->address.word[3];
		return;
	}
	if (key->family == 6) {
		ctx->user_ip6[0] = key->address.word[0];
		ctx->user_ip6[1] = key->address.word[1];
		ctx->user_ip6[2] = key->address.word[2];
	}
	ctx->user_ip6[3] = key->address.word[3];
}

static __always_inline int ask(struct bpf_sock_addr *ctx, __u8 family)
{
	struct lb_key key = {};
	int result;

	if (!is_nodes(ctx))
		return GO_ON;
	read_address(ctx, &key, family);
	result = exchange(ctx, &key);
	if (result == GO_ON)
		write_address(ctx, &key, family);
	return result;
}

static __always_inline int tell(struct bpf_sock_addr *ctx, __u8 family)
{
	struct lb_key key = {};

	if (is_nodes(ctx)) {
		read_address(ctx, &key, family);
		if (put_back(ctx, &key))
			write_address(ctx, &key, family);
	}
	return GO_ON;
}

SEC("cgroup/connect4")
int cil_sock4_connect(struct bpf_sock_addr *ctx)
{
	return ask(ctx, 4);
}

SEC("cgroup/connect6")
int cil_sock6_connect(struct bpf_sock_addr *ctx)
{
	return ask(ctx, 6);
}

SEC("cgroup/sendmsg4")
int cil_sock4_sendmsg(struct bpf_sock_addr *ctx)
{
	return ask(ctx, 4);
}

SEC("cgroup/sendmsg6")
int cil_sock6_sendmsg(struct bpf_sock_addr *ctx)
{
	return ask(ctx, 6);
}

SEC("cgroup/recvmsg4")
int cil_sock4_recvmsg(struct bpf_sock_addr *ctx)
{
	return tell(ctx, 4);
}

SEC("cgroup/recvmsg6")
int cil_sock6_recvmsg(struct bpf_sock_addr *ctx)
{
	return tell(ctx, 6);
}

SEC("cgroup/getpeername4")
int cil_sock4_getpeername(struct bpf_sock_addr *ctx)
{
	return tell(ctx, 4);
}

SEC("cgroup/getpeername6")
int cil_sock6_getpeername(struct bpf_sock_addr *ctx)
{
	return tell(ctx, 6);
}

/* The kernel lends some helpers to GPL programs only. */
char _license[] SEC("license") = "Dual BSD/GPL";
