// SPDX-License-Identifier: Apache-2.0

/**
 * The HTTP proxy: it accepts the connections that a datapath redirects to it, decides each request
 * by the compiled rules, and forwards what passes.
 *
 * <p>It is a module of its own, so that the datapath needs no Netty. What it does not know itself
 * it asks of four interfaces: a {@link io.cilium4j.datapath.proxy.ProxyNetwork} says where its
 * sockets live, a {@link io.cilium4j.datapath.proxy.FlowResolver} whose a connection is, {@link
 * io.cilium4j.datapath.proxy.RequestPolicies} what its rules are, and an {@link
 * io.cilium4j.datapath.proxy.AccessLog} is told of each request.
 *
 * <p>Begin with {@link io.cilium4j.datapath.proxy.HttpProxy}; {@code RequestParser} is what
 * requests have to get through. {@link io.cilium4j.datapath.proxy.PolicyHandler} and {@link
 * io.cilium4j.datapath.proxy.PolicyFilter} decide by the same rules inside of a service.
 */
package io.cilium4j.datapath.proxy;
