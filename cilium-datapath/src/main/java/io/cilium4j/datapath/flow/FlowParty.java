// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Labels;
import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import java.util.List;
import java.util.Optional;

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
 * @param facts what else is known
 */
public record FlowParty(
    int endpointId, int identity, Labels labels, String namespace, String pod, Facts facts) {

  /**
   * What is known of a side that nothing is decided by.
   *
   * @param workload who keeps its pod running
   * @param service the service that has the address and the port
   * @param names the names for which the other side was told the address, without the closing dot
   * @param device the node's end of its endpoint's pair of devices
   */
  public record Facts(
      Optional<Pod.Workload> workload,
      Optional<ResourceKey> service,
      List<String> names,
      Optional<Device> device) {

    /** Nothing is known. */
    public static final Facts NONE =
        new Facts(Optional.empty(), Optional.empty(), List.of(), Optional.empty());

    public Facts {
      names = List.copyOf(names);
    }
  }

  /** A network device of the node. */
  public record Device(int index, String name) {}

  /** A side of which no more is known. */
  public FlowParty(int endpointId, int identity, Labels labels, String namespace, String pod) {
    this(endpointId, identity, labels, namespace, pod, Facts.NONE);
  }
}
