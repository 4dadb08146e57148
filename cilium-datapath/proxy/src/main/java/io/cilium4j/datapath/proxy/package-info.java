// SPDX-License-Identifier: Apache-2.0

/**
 * The proxies for HTTP and DNS: they take the flows that a datapath redirects to them, decide each
 * request and each question by the compiled rules, and forward what passes.
 *
 * <p>It is a module of its own, so that the datapath needs no Netty. What it does not know itself
 * it asks of four interfaces: a {@link io.cilium4j.datapath.proxy.ProxyNetwork} says where its
 * sockets live, a {@link io.cilium4j.datapath.proxy.FlowResolver} whose a connection is, {@link
 * io.cilium4j.datapath.proxy.RequestPolicies} what its rules are, and an {@link
 * io.cilium4j.datapath.proxy.AccessLog} is told of each request. {@link
 * io.cilium4j.datapath.proxy.DnsNames} learns what clients are told for names.
 *
 * <p>Begin with {@link io.cilium4j.datapath.proxy.HttpProxy}; {@code RequestParser} is what
 * requests have to get through; {@link io.cilium4j.datapath.proxy.DnsProxy} does so for DNS. {@link
 * io.cilium4j.datapath.proxy.PolicyHandler} and {@link io.cilium4j.datapath.proxy.PolicyFilter}
 * decide by the same rules inside of a service.
 */
package io.cilium4j.datapath.proxy;
