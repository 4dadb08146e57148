// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.RbacRoles.Right;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Agent and operator without one of the rights that the manifests give them: one line says which,
 * it is tried again, and all works once the right is back. A right that nobody misses does not
 * belong there. In a usual build a few, other ones each time; {@code -Drbac.rights=1000} takes all
 * of them, {@code -Drbac.seed=N} the same ones again.
 */
class RbacIT {
  private static final int RIGHTS = Integer.getInteger("rbac.rights", 4);

  private static final long SEED = Long.getLong("rbac.seed", System.nanoTime() % 1_000_000);

  /** How long a right is missed, at least, before nobody is said to miss it. */
  private static final long PATIENCE_NANOS = 8_000_000_000L;

  static final String CILIUM = "/apis/cilium.io/v2";

  /** What an identity has that nobody uses. */
  static final String MARK = "io.cilium.heartbeat";

  /** A kind that not every cluster has; only where it is served somebody watches it. */
  private static final String CLUSTER_NETWORK_POLICIES =
      """
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      metadata:
        name: clusternetworkpolicies.policy.networking.k8s.io
        annotations: {api-approved.kubernetes.io: "unapproved, of a test"}
      spec:
        group: policy.networking.k8s.io
        scope: Cluster
        names: {plural: clusternetworkpolicies, singular: clusternetworkpolicy, kind: ClusterNetworkPolicy}
        versions:
        - name: v1alpha2
          served: true
          storage: true
          schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
      """;

  @TempDir private Path folder;
  private ApiLab lab;
  private RbacRoles roles;

  /** What is run without a right. */
  interface Scene {
    /** What it has said so far. */
    String log();

    /** Does everything that takes a right; returns when all is as it must be. */
    void play() throws Exception;

    void end() throws Exception;
  }

  /** Makes one. */
  interface Opening {
    Scene open(int number, Right without) throws Exception;
  }

  @BeforeEach
  void start() throws Exception {
    lab = ApiLab.start(folder);
    lab.define();
    lab.create(CLUSTER_NETWORK_POLICIES);
    ApiLab.await(
        "the kind is served",
        () ->
            lab.admin
                .get(
                    "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies", ApiLab.soon())
                .isPresent());
    roles = new RbacRoles(lab);
  }

  @AfterEach
  void end() {
    if (lab != null) {
      lab.close();
    }
  }

  private void takeEach(String account, Opening opening) throws Exception {
    List<Right> rights = new ArrayList<>(roles.rightsOf(account));
    rights.removeIf(RbacIT::isOfPools);
    if (RIGHTS < rights.size()) {
      rights.removeIf(RbacIT::isSlow);
    }
    Collections.shuffle(rights, new Random(SEED));
    List<Right> tried = rights.subList(0, Math.min(RIGHTS, rights.size()));
    List<String> problems = new ArrayList<>();
    for (int i = 0; i < tried.size(); i++) {
      Right right = tried.get(i);
      roles.take(right);
      Scene scene = opening.open(i, right);
      try {
        String problem = play(scene, right);
        System.out.println(account + " without " + right.refusal() + ": " + problem);
        if (!problem.startsWith("ok")) {
          problems.add(right + ": " + problem);
          if (RIGHTS < rights.size()) {
            break; // What is wrong with one is mostly wrong with each, and takes its patience.
          }
        }
      } finally {
        scene.end();
        roles.giveBack(right);
      }
    }
    assertEquals(List.of(), problems, "-Drbac.seed=" + SEED);
    System.out.printf(
        "%s: %d of %d rights taken, each missed by one line and taken up again%n",
        account, tried.size(), rights.size());
  }

  /** What is not as it must be; begins with "ok" if all is. */
  private String play(Scene scene, Right right) throws Exception {
    var played =
        new FutureTask<Boolean>(() -> {
          scene.play();
          return true;
        });
    Thread.ofPlatform().daemon().name("scene").start(played);
    long begin = System.nanoTime();
    ApiLab.await(
        "somebody misses it, or all is done",
        () ->
            scene.log().contains(right.refusal())
                || (played.isDone() && System.nanoTime() - begin > PATIENCE_NANOS));
    String missed = scene.log();
    roles.giveBack(right);
    try {
      played.get();
    } catch (ExecutionException e) {
      return "does not go on: " + e.getCause() + "\n" + scene.log();
    }
    // Two may miss the same, and say it in the same words.
    long lines =
        scene
            .log()
            .lines()
            .filter(line -> line.contains(right.refusal()))
            .map(line -> line.substring(Math.max(0, line.indexOf("error="))))
            .distinct()
            .count();
    if (!missed.contains(right.refusal())) {
      return "nobody misses it";
    }
    return lines == 1 ? "ok" : lines + " lines\n" + scene.log();
  }

  /**
   * Identities are collected once a minute, and one is deleted in the third round after a failure.
   */
  static boolean isSlow(Right right) {
    return right.resource().equals("ciliumidentities") && right.verb().equals("delete");
  }

  /** Pools are read with {@code ipam=multi-pool} alone, which these scenes do without. */
  private static boolean isOfPools(Right right) {
    return right.resource().equals("ciliumpodippools");
  }

  /** What a line quotes stands in quotes itself. */
  static String unquoted(String log) {
    return log.replace("\\\"", "\"");
  }

  @Test
  void agent_withoutARight_saysSoAndGoesOn() throws Exception {
    Path kubeconfig = lab.kubeconfigOf("cilium");
    takeEach("cilium", (i, _) -> new AgentScene(kubeconfig, i));
  }

  /** An agent that joins a cluster, gets a pod, has it change, and loses it. */
  private final class AgentScene implements Scene {
    private final String node;
    private final int pod;
    private final Netns netns;
    private final AgentProcess agent;

    /** What the agent answered who asked for the pod to be joined; empty if it was. */
    private volatile String answer = "";

    AgentScene(Path kubeconfig, int number) throws Exception {
      node = "itrb" + number;
      pod = number;
      lab.create(
          """
          {apiVersion: v1, kind: Node, metadata: {name: %1$s},
            spec: {taints: [{key: node.cilium.io/agent-not-ready, value: "true", effect: NoSchedule}]}}
          ---
          {apiVersion: v1, kind: Pod, metadata: {name: %2$s, namespace: default, labels: {app: %2$s}},
            spec: {nodeName: %1$s, containers: [{name: c, image: i}]}}
          """
              .formatted(node, CniPlugin.podName(pod)));
      netns = Netns.create("cilium4j-it-" + node);
      agent =
          lab.agent(
              node,
              kubeconfig,
              Map.of(
                  "ipv4-range",
                  "10.98." + number + ".0/24",
                  "ipv6-range",
                  "fd98:" + number + "::/112",
                  "k8s-client-qps",
                  "100",
                  "enable-local-redirect-policy",
                  "true",
                  "enable-node-selector-labels",
                  "true"));
    }

    @Override
    public String log() {
      return unquoted(agent.log() + "\n" + answer);
    }

    @Override
    public void play() throws Exception {
      agent.awaitReady();
      String own = CILIUM + "/ciliumnodes/" + node;
      ApiLab.await("the node is told", () -> lab.has(own, "InternalIP", "CiliumInternalIP"));
      // Somebody edits it by hand.
      lab.patch(own, Map.of("spec", Map.of("addresses", List.of())));
      ApiLab.await("the node is told again", () -> lab.has(own, "InternalIP", "CiliumInternalIP"));
      var runtime = new CniPlugin(agent::client, Netlink::open, "rb" + pod + "_");
      String name = CniPlugin.podName(pod);
      ApiLab.await("the pod is joined", () -> join(runtime));
      String published = CILIUM + "/namespaces/default/ciliumendpoints/" + name;
      ApiLab.await("the endpoint is told", () -> lab.has(published, "k8s:app=" + name, "ready"));
      // Whoever holds an identity that is marked as unused takes the mark away.
      long number =
          TestCluster.identityOf(agent.client().list("/endpoint", Endpoint.class).getFirst());
      String identity = CILIUM + "/ciliumidentities/" + number;
      lab.patch(
          identity,
          Map.of("metadata", Map.of("annotations", Map.of(MARK, "2020-01-01T00:00:00Z"))));
      ApiLab.await("the mark is gone", () -> !lab.has(identity, MARK));
      lab.patch(
          "/api/v1/namespaces/default/pods/" + name,
          Map.of("metadata", Map.of("labels", Map.of("role", "changed"))));
      ApiLab.await("the change is told", () -> lab.has(published, "k8s:role=changed"));
      ApiLab.await(
          "the node is ready",
          () ->
              lab.has("/api/v1/nodes/" + node, "CiliumIsUp")
                  && !lab.has("/api/v1/nodes/" + node, "agent-not-ready"));
      runtime.delete(pod);
      ApiLab.await("the endpoint is gone", () -> lab.admin.get(published, ApiLab.soon()).isEmpty());
      ApiLab.await("the status is well", () -> !status().contains("forbidden"));
    }

    /** What is in the way of one try may not be in that of the next. */
    private boolean join(CniPlugin runtime) {
      try {
        var _ = runtime.add(pod, CniPlugin.podName(pod), netns);
        return true;
      } catch (ApiException e) {
        answer = String.valueOf(e.getMessage()).replaceAll("\\s+", " ");
        runtime.delete(pod);
        return false;
      }
    }

    private String status() {
      return String.valueOf(agent.client().get("/healthz", StatusResponse.class).cilium());
    }

    @Override
    public void end() throws IOException {
      agent.kill();
      Agent.builder()
          .instance(node)
          .stateFolder(folder.resolve(node + "/state"))
          .podCidrs("10.96.255.0/24", "fd96::/112")
          .build()
          .destroy();
      netns.close();
      Netns.delete(netns.path());
    }
  }

  @Test
  void operator_withoutARight_saysSoAndGoesOn() throws Exception {
    Path kubeconfig = lab.kubeconfigOf("cilium-operator");
    takeEach("cilium-operator", (i, without) -> new RbacOperator(lab, kubeconfig, i, without));
  }
}
