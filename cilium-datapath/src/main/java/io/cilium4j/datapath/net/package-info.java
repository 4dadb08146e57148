// SPDX-License-Identifier: Apache-2.0

/**
 * Network namespaces, devices, routes and raw frames, in this process: no {@code ip} is started,
 * and an error is the kernel's number with its own words.
 *
 * <p>How a pod is joined to its node:
 *
 * <pre>{@code
 * try (Netns pod = Netns.open(Path.of("/run/netns/x"));
 *     Netlink here = Netlink.open();
 *     Netlink inside = Netlink.open(pod)) {
 *   Link host = here.createVeth(pair, pod);
 *   inside.ensureAddress(host.peerIndex(), InterfaceAddress.host(address), DuplicateCheck.SKIP);
 *   inside.setUp(host.peerIndex());
 *   inside.replaceRoute(Route.to(everything, host.peerIndex()).viaOnLink(gateway));
 *   here.setUp(host.index());
 * }
 * }</pre>
 *
 * <p>To read in this order:
 *
 * <ol>
 *   <li>{@link io.cilium4j.datapath.net.Netns}: a namespace belongs to threads; how work gets
 *       inside without a thread of a pool ever going there
 *   <li>{@link io.cilium4j.datapath.net.Netlink}: what can be asked of the kernel. Below it {@code
 *       NetlinkSocket} knows the protocol, {@code LinkMessages}, {@code AddressMessages} and {@code
 *       RouteMessages} the layouts, {@code NetlinkRequest} and {@code NetlinkAttributes} the bytes
 *   <li>{@link io.cilium4j.datapath.net.NodeWatch}: what becomes of devices and addresses, as the
 *       kernel tells it by itself; {@code NetlinkGroups} is its socket
 *   <li>{@link io.cilium4j.datapath.net.NodeDevices} and {@link
 *       io.cilium4j.datapath.net.PodConnector}: the devices of a node and of a pod
 *   <li>{@link io.cilium4j.datapath.net.Sysctl}: settings of a namespace that are files, and {@link
 *       io.cilium4j.datapath.net.ReversePathFilter}, which keeps one of them
 *   <li>{@link io.cilium4j.datapath.net.SourceGuard} and {@link
 *       io.cilium4j.datapath.net.IngressBarrier}: what is kept from being forwarded, and from being
 *       heard; {@code RuleMessages} and {@code NftMessages} are their layouts, and {@code
 *       ForgedSources} tells of it
 *   <li>{@link io.cilium4j.datapath.net.PacketSocket}, with {@link
 *       io.cilium4j.datapath.net.FrameBatch} and {@link io.cilium4j.datapath.net.Poller}: frames
 *       for a datapath in user space; {@link io.cilium4j.datapath.net.TunnelSocket} is its way to
 *       other nodes
 * </ol>
 *
 * <p>All of it works for root, with the capabilities NET_ADMIN, NET_RAW and SYS_ADMIN, and in a
 * user namespace of one's own ({@code unshare -Urnm}). There the JDK must not look at the network
 * before the loopback device is up: where it finds no IPv6 address at its start it has no IPv6 for
 * good.
 */
package io.cilium4j.datapath.net;
