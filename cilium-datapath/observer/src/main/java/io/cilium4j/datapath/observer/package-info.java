// SPDX-License-Identifier: Apache-2.0

/**
 * Flows for Hubble's clients. {@link io.cilium4j.datapath.observer.ObserverServer} serves what a
 * {@link io.cilium4j.datapath.flow.FlowLog} keeps by the observer protocol over gRPC, as {@code
 * hubble} and a relay speak it; {@link io.cilium4j.datapath.observer.FlowExporter} writes it to a
 * file, and {@link io.cilium4j.datapath.observer.FlowMetrics} counts it.
 *
 * <pre>
 *   FlowLog  --&gt;  EventQuery (place, filters)  --&gt;  FlowMessages  --&gt;  client, file
 * </pre>
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.datapath.observer;
