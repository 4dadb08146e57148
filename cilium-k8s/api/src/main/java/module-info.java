// SPDX-License-Identifier: Apache-2.0

/** A Kubernetes API server as source of objects and as store of a cluster. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.k8s.api {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.documents;
  requires io.cilium4j.k8s;
  requires java.net.http;
  requires org.slf4j;
  requires tools.jackson.core;
  requires tools.jackson.databind;

  exports io.cilium4j.k8s.api;
  exports io.cilium4j.k8s.crd;

  provides io.cilium4j.core.spi.ClusterStoreProvider with
      io.cilium4j.k8s.api.ApiStoreProvider;
  provides io.cilium4j.core.spi.KubernetesSourceProvider with
      io.cilium4j.k8s.api.ApiSourceProvider;
}
