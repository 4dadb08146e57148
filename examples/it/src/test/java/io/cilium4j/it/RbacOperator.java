// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.it.RbacRoles.Right;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** An operator that finds something to do of each kind. */
final class RbacOperator implements RbacIT.Scene {
  private static final String LEASES =
      "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/cilium-operator-resource-lock";
  private static final String DEFINITIONS =
      "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/";

  private static final Pattern ADDRESS = Pattern.compile("status served address=/([0-9.:]+)");

  private final ApiLab lab;
  private final int number;
  private final Right without;
  private final Program operator;

  RbacOperator(ApiLab lab, Path kubeconfig, int number, Right without) throws IOException {
    this.lab = lab;
    this.number = number;
    this.without = without;
    lab.delete(LEASES);
    lab.delete(DEFINITIONS + "ciliumpodippools.cilium.io");
    lab.patch(
        DEFINITIONS + "ciliumlocalredirectpolicies.cilium.io",
        Map.of("metadata", Map.of("labels", Map.of("io.cilium.k8s.crd.schema.version", "0.0.1"))));
    for (int i = 0; i < 3; i++) {
      lab.create(
          "{apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: n%d-%d}, spec: {}}"
              .formatted(number, i));
    }
    lab.create(
        """
        {apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: p%1$d, namespace: default}, spec: {}}
        ---
        {apiVersion: cilium.io/v2, kind: CiliumClusterwideNetworkPolicy, metadata: {name: p%1$d}, spec: {}}
        ---
        {apiVersion: cilium.io/v2, kind: CiliumIdentity, metadata: {name: "%2$d"}, security-labels: {"k8s:app": a%1$d}}
        ---
        {apiVersion: cilium.io/v2, kind: CiliumEndpoint, metadata: {name: e%1$d, namespace: default},
          status: {id: 7, networking: {node: 192.0.2.77, addressing: [{ipv4: 10.97.9.9}]}, state: ready}}
        """
            .formatted(number, 1_000 + number));
    operator =
        lab.operator(
            kubeconfig,
            "--cluster-pool-ipv4-cidr=10.97.0.0/23",
            "--identity-gc-interval=1m",
            "--identity-heartbeat-timeout=0s",
            "--cilium-endpoint-gc-interval=1s",
            "--leader-election-lease-duration=4s",
            "--leader-election-renew-deadline=3s",
            "--leader-election-retry-period=1s");
  }

  @Override
  public String log() {
    return RbacIT.unquoted(operator.log());
  }

  @Override
  public void play() {
    ApiLab.await(
        "the definitions are whole",
        () ->
            lab.has(DEFINITIONS + "ciliumpodippools.cilium.io", "Established")
                && !lab.has(DEFINITIONS + "ciliumlocalredirectpolicies.cilium.io", "0.0.1"));
    ApiLab.await(
        "two nodes have CIDRs, one has none",
        () -> {
          int served = 0;
          int told = 0;
          for (int i = 0; i < 3; i++) {
            String node = RbacIT.CILIUM + "/ciliumnodes/n" + number + "-" + i;
            served += lab.has(node, "podCIDRs") ? 1 : 0;
            told += lab.has(node, "operator-status") ? 1 : 0;
          }
          return served == 2 && told == 1;
        });
    for (String policy :
        List.of(
            "/namespaces/default/ciliumnetworkpolicies/", "/ciliumclusterwidenetworkpolicies/")) {
      ApiLab.await(
          policy, () -> lab.has(RbacIT.CILIUM + policy + "p" + number, "wanted one of them"));
    }
    ApiLab.await(
        "the lost endpoint is gone",
        () ->
            lab.admin
                .get(
                    RbacIT.CILIUM + "/namespaces/default/ciliumendpoints/e" + number, ApiLab.soon())
                .isEmpty());
    // Who asks for the metrics has the operator follow what it counts.
    ApiLab.await(
        "it counts the identities", () -> metrics().contains("cilium_operator_identities "));
    // Its deletion takes a second look, a minute after that.
    String identity = RbacIT.CILIUM + "/ciliumidentities/" + (1_000 + number);
    boolean isDeletionAwaited = RbacIT.isSlow(without);
    ApiLab.await(
        "the unused identity is marked or gone",
        () ->
            isDeletionAwaited
                ? lab.admin.get(identity, ApiLab.soon()).isEmpty()
                : lab.has(identity, RbacIT.MARK));
  }

  private String metrics() throws IOException {
    Matcher address = ADDRESS.matcher(operator.log());
    if (!address.find()) {
      return "";
    }
    URI metrics = URI.create("http://" + address.group(1) + "/metrics");
    try (InputStream in = metrics.toURL().openStream()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Override
  public void end() throws IOException {
    operator.kill();
    for (int i = 0; i < 3; i++) {
      lab.delete(RbacIT.CILIUM + "/ciliumnodes/n" + number + "-" + i);
    }
  }
}
