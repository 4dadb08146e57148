// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Labels;
import io.cilium4j.core.ReservedIdentity;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScopeTest {

  @ParameterizedTest
  @CsvSource({
    "reserved:host, 1",
    "reserved:host reserved:kube-apiserver k8s:x=1, 1",
    "reserved:world, 2",
    "reserved:health, 4",
    "reserved:init, 5",
    "reserved:remote-node, 6",
    "reserved:remote-node reserved:kube-apiserver, 7",
    "reserved:ingress, 8",
    "reserved:world-ipv4, 9",
    "reserved:world-ipv6, 10",
  })
  void fixed_reservedLabels_giveTheirNumber(String labels, int id) {
    assertEquals(id, Scope.fixed(parse(labels)).map(ReservedIdentity::id).orElse(-1));
  }

  @ParameterizedTest
  @CsvSource({
    "reserved:kube-apiserver reserved:world, LOCAL",
    "reserved:world cidr:10.0.0.0/8, LOCAL",
    "reserved:ingress k8s:a=1, LOCAL",
    "fqdn:cilium.io reserved:world-ipv4, LOCAL",
    "cidrgroup:a=b cidr:10.0.0.0/8, LOCAL",
    "reserved:unknown, LOCAL",
    "reserved:aggregate-world, LOCAL",
    "reserved:remote-node node:a=1, REMOTE_NODE",
    "reserved:remote-node reserved:kube-apiserver k8s:a=1, REMOTE_NODE",
    "k8s:app=a, CLUSTER_WIDE",
    "k8s:host, CLUSTER_WIDE",
    "k8s:ingress k8s:app=a, CLUSTER_WIDE",
    "k8s:remote-node k8s:init k8s:health k8s:kube-apiserver, CLUSTER_WIDE",
    "reserved:health k8s:app=a, CLUSTER_WIDE",
    "k8s:app=a cidr:10.0.0.0/8, CLUSTER_WIDE",
  })
  void of_otherLabels_haveAScopeAndNoFixedNumber(String labels, Scope scope) {
    assertEquals(-1, Scope.fixed(parse(labels)).map(ReservedIdentity::id).orElse(-1));
    assertEquals(scope, Scope.of(parse(labels)));
  }

  private static Labels parse(String labels) {
    return Labels.parse(labels.split(" ", -1));
  }
}
