// SPDX-License-Identifier: Apache-2.0

/**
 * Flows for Hubble's clients: the observer protocol over gRPC, as {@code hubble} and a relay speak
 * it. {@link io.cilium4j.datapath.observer.ObserverServer} serves what a {@link
 * io.cilium4j.datapath.flow.FlowLog} keeps.
 *
 * <pre>
 *   FlowLog  -->  FlowQuery (place, filters)  -->  FlowMessages  -->  client
 * </pre>
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.datapath.observer;
