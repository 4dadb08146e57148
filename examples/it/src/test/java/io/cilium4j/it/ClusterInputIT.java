// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import io.cilium4j.k8s.api.ApiException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is wrong with a cluster, or done to it by hand: one clear line each, and nothing half done.
 */
class ClusterInputIT {
  private static final String CILIUM = "/apis/cilium.io/v2";

  private static final String INSTANCE = "itci";

  @TempDir private Path folder;
  private ApiLab lab;

  @BeforeEach
  void start() throws Exception {
    lab = ApiLab.start(folder);
  }

  @AfterEach
  void end() {
    if (lab != null) {
      lab.close();
    }
  }

  private AgentProcess agent(Path kubeconfig) throws Exception {
    return lab.agent(
        INSTANCE, kubeconfig, Map.of("ipv4-range", "10.98.0.0/24", "ipv6-range", "fd98::/112"));
  }

  /** Removes what an agent left, which is killed. */
  private void remove(AgentProcess agent) {
    agent.kill();
    Agent.builder()
        .instance(INSTANCE)
        .stateFolder(folder.resolve(INSTANCE + "/state"))
        .podCidrs("10.96.255.0/24", "fd96::/112")
        .build()
        .destroy();
  }

  private static long lines(String log, String text) {
    return log.lines().filter(line -> line.contains(text)).count();
  }

  // ---- who may not ask ----

  @Test
  void kubeconfig_thatIsNone_endsAgentAndOperatorWithOneLine() throws Exception {
    Path none = folder.resolve("none");
    Path wrong = Files.writeString(folder.resolve("wrong"), "kind: Config\ncurrent-context: x\n");
    for (Path each : List.of(none, wrong)) {
      for (Program program : List.of(agent(each).program(), lab.operator(each))) {
        assertTrue(program.awaitEnd(ApiLab.PATIENCE) != 0);
        // The logging library of the tests says that there are two.
        List<String> said =
            program.log().lines().filter(line -> !line.startsWith("SLF4J")).toList();
        assertEquals(1, said.size(), program.log());
        assertTrue(said.getFirst().contains(each.toString()), program.log());
      }
    }
  }

  @Test
  void certificate_thatNobodyKnows_isOneLine() throws Exception {
    Path unsure =
        Files.writeString(
            folder.resolve("unsure"),
            Files.readString(lab.kubeconfig()).replace(", insecure-skip-tls-verify: true", ""));
    AgentProcess agent = agent(unsure);
    try {
      assertToldOnce(agent, "its certificate is signed by nobody that is trusted here");
    } finally {
      remove(agent);
    }
  }

  /** In the log, not for each kind of objects, and in the status of an agent. */
  private static void assertToldOnce(AgentProcess agent, String line) {
    ApiLab.await("the log says it: " + line, () -> agent.log().contains(line));
    ApiLab.await("the status says it: " + line, () -> status(agent).contains(line));
    // What reads objects, what shares the cluster's, and what tells the node in two ways; not each
    // kind.
    assertTrue(lines(agent.log(), line) <= 4, agent.log());
  }

  private static String status(AgentProcess agent) {
    return String.valueOf(agent.client().get("/healthz", StatusResponse.class).cilium());
  }

  @Test
  void token_thatExpired_isOneLineAndAGoodOneIsTakenUp() throws Exception {
    lab.define();
    var _ = new RbacRoles(lab);
    String token = lab.tokenOf("cilium");
    Path file = Files.writeString(folder.resolve("token"), expired(token));
    Path kubeconfig =
        Files.writeString(
            folder.resolve("with-file"),
            Files.readString(lab.kubeconfig()).replaceFirst("token: [^}]*", "tokenFile: " + file));
    AgentProcess agent = agent(kubeconfig);
    try {
      assertToldOnce(agent, "401: Unauthorized");
      Files.writeString(file, token);
      agent.awaitReady();
      ApiLab.await("the status is well", () -> !status(agent).contains("Unauthorized"));
    } finally {
      remove(agent);
    }
  }

  /** The same token, signed by the same key, of an hour ago. */
  private String expired(String token) throws Exception {
    String[] parts = token.split("\\.", -1);
    Map<String, Object> claims =
        new HashMap<>(
            Trees.map(
                DocumentReader.readJson(
                    new String(Base64.getUrlDecoder().decode(parts[1]), StandardCharsets.UTF_8))));
    long now = Instant.now().getEpochSecond();
    claims.put("iat", now - 7200);
    claims.put("nbf", now - 7200);
    claims.put("exp", now - 3600);
    Base64.Encoder base64 = Base64.getUrlEncoder().withoutPadding();
    String signed = parts[0] + "." + base64.encodeToString(ApiLab.bytes(claims));
    String pem =
        Files.readString(folder.resolve("api/sa.key")).replaceAll("-----[A-Z ]+-----|\\s", "");
    Signature signature = Signature.getInstance("SHA256withRSA");
    signature.initSign(
        KeyFactory.getInstance("RSA")
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem))));
    signature.update(signed.getBytes(StandardCharsets.US_ASCII));
    return signed + "." + base64.encodeToString(signature.sign());
  }

  // ---- what is there ----

  @Test
  void definitions_ofANewerVersion_stayAndAreOneLine() throws Exception {
    lab.define();
    String path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/ciliumnodes.cilium.io";
    String label = "io.cilium.k8s.crd.schema.version";
    lab.patch(path, Map.of("metadata", Map.of("labels", Map.of(label, "99.1.0"))));
    Program operator = lab.operator(lab.kubeconfig());
    operator.awaitLine("definitions newer than this program's stay", ApiLab.PATIENCE);
    operator.awaitLine("definitions of custom resources are up to date", ApiLab.PATIENCE);
    assertEquals(1, lines(operator.log(), "99.1.0"), operator.log());
    assertTrue(operator.log().contains("ciliumnodes.cilium.io=99.1.0"), operator.log());
    assertTrue(lab.has(path, "99.1.0"));
  }

  @Test
  void ciliumNode_thatIsEdited_isPutRightOrOneLine() throws Exception {
    lab.define();
    AgentProcess agent = agent(lab.kubeconfig());
    try {
      agent.awaitReady();
      String node = CILIUM + "/ciliumnodes/" + INSTANCE;
      ApiLab.await("the node is told", () -> lab.has(node, "InternalIP", "CiliumInternalIP"));
      // What is the agent's own is put back.
      lab.patch(node, Map.of("spec", Map.of("addresses", List.of())));
      ApiLab.await("it is told again", () -> lab.has(node, "InternalIP", "CiliumInternalIP"));
      lab.patch(node, Map.of("spec", Map.of("ipam", Map.of("podCIDRs", List.of()))));
      ApiLab.await("its CIDRs are back", () -> lab.has(node, "10.98.0.0/24", "fd98::/112"));
      lab.delete(node);
      ApiLab.await("it is there again", () -> lab.has(node, "10.98.0.0/24", "InternalIP"));
      // What might be the operator's is told.
      lab.patch(node, Map.of("spec", Map.of("ipam", Map.of("podCIDRs", List.of("10.98.7.0/24")))));
      agent
          .program()
          .awaitLine("pod CIDRs were changed, the agent goes on with those", ApiLab.PATIENCE);
      assertEquals(1, lines(agent.log(), "pod CIDRs were changed"), agent.log());
      // What makes no sense the definition refuses.
      var refusal =
          assertThrows(
              ApiException.class,
              () ->
                  lab.patch(
                      node, Map.of("spec", Map.of("ipam", Map.of("podCIDRs", List.of("ten"))))));
      assertTrue(
          String.valueOf(refusal.getMessage())
              .contains("spec.ipam.podCIDRs[0] in body must be of type cidr: \"ten\""),
          refusal.getMessage());
    } finally {
      remove(agent);
    }
  }

  private void pod(String namespace, String name, String more) throws Exception {
    lab.create(
        """
        {apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s, labels: {app: %s}%s},
          spec: {nodeName: %s, containers: [{name: c, image: i}]}}
        """
            .formatted(name, namespace, name, more, INSTANCE));
  }

  @Test
  void pod_withALargeAnnotation_isJoinedAsAnyOther() throws Exception {
    lab.define();
    pod("default", "large", ", annotations: {note: " + "x".repeat(64 << 10) + "}");
    AgentProcess agent = agent(lab.kubeconfig());
    try (Netns netns = Netns.create("cilium4j-it-" + INSTANCE)) {
      agent.awaitReady();
      var runtime = new CniRuntime(folder.resolve(INSTANCE));
      assertEquals(0, runtime.call("ADD", "large", netns.path()).error());
      String published = CILIUM + "/namespaces/default/ciliumendpoints/large";
      ApiLab.await("it is told", () -> lab.has(published, "k8s:app=large", "ready"));
      assertFalse(lab.has(published, "xxxx"));
      assertEquals(0, runtime.call("DEL", "large", netns.path()).error());
      assertEquals(0, lines(agent.log(), "level=warn msg=\"pod"), agent.log());
      Netns.delete(netns.path());
    } finally {
      remove(agent);
    }
  }

  @Test
  void namespace_thatIsDeletedUnderItsPods_isOneLineAndItsPodsGo() throws Exception {
    lab.define();
    lab.create("{apiVersion: v1, kind: Namespace, metadata: {name: team, labels: {tier: x}}}");
    pod("team", "member", "");
    AgentProcess agent = agent(lab.kubeconfig());
    try (Netns netns = Netns.create("cilium4j-it-" + INSTANCE)) {
      agent.awaitReady();
      var runtime = new CniRuntime(folder.resolve(INSTANCE));
      assertEquals(0, runtime.callIn("team", "ADD", "member", netns.path()).error());
      String published = CILIUM + "/namespaces/team/ciliumendpoints/member";
      ApiLab.await("it is told", () -> lab.has(published, "k8s:app=member", "ready"));
      // It ends; what is in it goes before the pod does.
      lab.delete("/api/v1/namespaces/team");
      lab.delete(published);
      agent.program().awaitLine("endpoint not published endpoint=team/member", ApiLab.PATIENCE);
      assertTrue(agent.log().contains("because it is being terminated"), agent.log());
      assertEquals(0, runtime.callIn("team", "DEL", "member", netns.path()).error());
      lab.delete("/api/v1/namespaces/team/pods/member");
      // Nothing is tried any more: a pod elsewhere is told of, after whatever was to be tried.
      pod("default", "next", "");
      assertEquals(0, runtime.call("ADD", "next", netns.path()).error());
      ApiLab.await(
          "the next is told",
          () -> lab.has(CILIUM + "/namespaces/default/ciliumendpoints/next", "k8s:app=next"));
      assertEquals(1, lines(agent.log(), "endpoint not published"), agent.log());
      assertEquals(0, runtime.call("DEL", "next", netns.path()).error());
      Netns.delete(netns.path());
    } finally {
      remove(agent);
    }
  }
}
