// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Labels;

/**
 * One side of a flow, as it was when the flow was recorded: a pod that gets the address or the
 * identity later has nothing to do with it.
 *
 * @param endpointId its endpoint on this node; 0 for none
 * @param identity its identity
 * @param labels the labels of that identity; empty where it is not known any more
 * @param namespace its pod's namespace; empty for what is no pod
 * @param pod its pod's name; empty for what is no pod, and for a pod of which only the identity is
 *     known
 */
public record FlowParty(
    int endpointId, int identity, Labels labels, String namespace, String pod) {}
