// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertFalse;

import io.cilium4j.core.IpFamily;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.Way;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whom the entity {@code kube-apiserver} means among what other nodes send. */
class ApiServerEntityKernelIT {

  private static final String POLICY =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: webhook, namespace: default}
      spec:
        endpointSelector: {matchLabels: {app: webhook}}
        ingress: [{fromEntities: [kube-apiserver]}]
      """;

  /** The API server is asked at a node's own address, and asks webhooks from another one. */
  @ParameterizedTest
  @EnumSource
  void apiServer_onAnotherNode_reachesAPodThatLetsItIn(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itz", routing)) {
      cluster.start();
      Pod webhook = cluster.pod(cluster.first, "app=webhook");
      Pod stranger = cluster.pod(cluster.second, "app=stranger");
      cluster.awaitKnown(List.of(webhook, stranger));
      cluster.write("policy.yaml", POLICY);
      cluster.await("enforced", () -> cluster.first.enforces(webhook, "ingress"));
      for (IpFamily family : IpFamily.values()) {
        assertFalse(
            Traffic.reaches(cluster.second.netns, webhook.address(family), 0, Way.ICMP),
            cluster::logs);
      }
      cluster.write(
          "api.yaml",
          """
          apiVersion: discovery.k8s.io/v1
          kind: EndpointSlice
          metadata: {name: kubernetes, labels: {kubernetes.io/service-name: kubernetes}}
          addressType: IPv4
          ports: [{name: https, port: 6443}]
          endpoints: [{addresses: ["%s"]}]
          """
              .formatted(cluster.second.address(IpFamily.IPV4)));
      for (IpFamily family : IpFamily.values()) {
        cluster.await(
            "the API server is let in",
            () -> Traffic.reaches(cluster.second.netns, webhook.address(family), 0, Way.ICMP));
        assertFalse(
            Traffic.reaches(stranger.netns(), webhook.address(family), 0, Way.ICMP), cluster::logs);
      }
    }
  }
}
