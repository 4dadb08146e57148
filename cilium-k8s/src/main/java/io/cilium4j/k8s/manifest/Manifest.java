// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.manifest;

import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;

/** An object as its manifest tells it. */
public sealed interface Manifest {

  /** Which object it is. */
  ResourceKey key();

  /** A pod. */
  record PodManifest(Pod pod) implements Manifest {
    @Override
    public ResourceKey key() {
      return pod.key();
    }
  }

  /** A namespace. */
  record NamespaceManifest(Namespace namespace) implements Manifest {
    @Override
    public ResourceKey key() {
      return new ResourceKey("Namespace", "", namespace.name());
    }
  }

  /** A node of Kubernetes. */
  record NodeManifest(Node node) implements Manifest {
    @Override
    public ResourceKey key() {
      return new ResourceKey("Node", "", node.name());
    }
  }

  /** What the operator wrote of a node. */
  record CiliumNodeManifest(Node node) implements Manifest {
    @Override
    public ResourceKey key() {
      return new ResourceKey("CiliumNode", "", node.name());
    }
  }

  /** An object that others read. */
  record RawManifest(RawResource resource) implements Manifest {
    @Override
    public ResourceKey key() {
      return resource.key();
    }
  }
}
