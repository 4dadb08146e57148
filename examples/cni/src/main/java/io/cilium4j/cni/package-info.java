// SPDX-License-Identifier: Apache-2.0

/**
 * The Container Network Interface, by which a container runtime has pods joined to a network. Every
 * version from 0.3.1 to 1.1.0 is spoken.
 *
 * <pre>
 *   runtime --exec--&gt; cilium-cni (C) --UNIX socket--&gt; {@link io.cilium4j.cni.CniPlugin} --&gt; {@link io.cilium4j.cni.CniNetwork}
 * </pre>
 *
 * <p>Read in this order: {@link io.cilium4j.cni.CniCall}, what comes from the executable; {@link
 * io.cilium4j.cni.CniRequest}, what it means; {@link io.cilium4j.cni.CniNetwork}, who carries it
 * out; {@link io.cilium4j.cni.CniResult} and {@link io.cilium4j.cni.CniException}, what comes of
 * it.
 */
package io.cilium4j.cni;
