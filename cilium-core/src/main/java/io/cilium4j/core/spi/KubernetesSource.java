// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.Table;

/**
 * Where Kubernetes objects come from. Each kind is a table, initialised once everything is in it
 * that existed at the start; from {@link #start} on they follow the source.
 *
 * <p>What cannot be read never ends a source: the object stays as it was last good, over a restart
 * too ({@link StateFile}), and {@link #problems} says what is wrong. A table of which something
 * cannot be read and nothing is known stays uninitialised, so that nothing is taken for absent.
 */
@Experimental
public interface KubernetesSource extends Lifecycle.Part {

  /** The implementation's name: {@code directory}, {@code api-server}. */
  String name();

  /**
   * Whether each pod of this node is in {@link #pods} soon after it was bound to the node. Then who
   * hears of a pod from its container runtime waits for it; a folder may do without pods.
   */
  default boolean hasEveryPod() {
    return true;
  }

  /** Pods, by object; their labels are their own, without those of their namespace. */
  Table<ResourceKey, Pod> pods();

  /** Namespaces, by name. */
  Table<String, Namespace> namespaces();

  /** Kubernetes' own nodes, by name. */
  Table<String, Node> nodes();

  /** {@code CiliumNode}s, by name: the pod CIDRs that the operator gave. */
  Table<String, Node> ciliumNodes();

  /**
   * Policies, CIDR groups and whatever else of the groups {@code cilium.io}, {@code
   * networking.k8s.io} and {@code policy.networking.k8s.io}, as trees; and services with their
   * endpoint slices.
   */
  Table<ResourceKey, RawResource> resources();

  /** What is wrong now, one line each, by where it is wrong. */
  Table<String, String> problems();
}
