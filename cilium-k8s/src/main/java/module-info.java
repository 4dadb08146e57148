// SPDX-License-Identifier: Apache-2.0

/** Kubernetes objects as rows. */
@org.jspecify.annotations.NullMarked
@SuppressWarnings("module") // The sibling that some packages are for is compiled after this one.
module io.cilium4j.k8s {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.documents;
  requires org.slf4j;
  requires tools.jackson.databind;

  exports io.cilium4j.k8s;
  exports io.cilium4j.k8s.election;
  exports io.cilium4j.k8s.publish;

  // Its sibling reads the same objects from elsewhere.
  exports io.cilium4j.k8s.manifest to
      io.cilium4j.k8s.api;
  exports io.cilium4j.k8s.store to
      io.cilium4j.k8s.api;

  uses io.cilium4j.core.spi.FileWriters;

  provides io.cilium4j.core.spi.ClusterStoreProvider with
      io.cilium4j.k8s.store.DirectoryStoreProvider;
  provides io.cilium4j.core.spi.KubernetesSourceProvider with
      io.cilium4j.k8s.DirectorySourceProvider;
}
