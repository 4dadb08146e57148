// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.cni.CniException.Code;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CniPluginTest {
  private final RecordingNetwork network = new RecordingNetwork();
  private final CniPlugin plugin = new CniPlugin(network);

  /** The result of another plugin, as version 0.4.0 has it. */
  private static final String PREVIOUS =
      """
      {"cniVersion": "0.4.0",
       "interfaces": [{"name": "cni0", "mac": "0a:58:0a:01:00:01"},
                      {"name": "veth1"},
                      {"name": "eth0", "mac": "0a:58:0a:01:00:05", "sandbox": "/run/netns/a"}],
       "ips": [{"version": "4", "address": "10.1.0.5/24", "gateway": "10.1.0.1", "interface": 2}],
       "routes": [{"dst": "0.0.0.0/0"}],
       "dns": {"nameservers": ["10.96.0.10"]},
       "somethingNew": {"kept": true}}
      """;

  private static Map<String, String> variables(String command) {
    Map<String, String> all = new HashMap<>();
    all.put("CNI_COMMAND", command);
    all.put("CNI_CONTAINERID", "c1");
    all.put("CNI_IFNAME", "eth0");
    all.put("CNI_NETNS", "/run/netns/a");
    all.put("CNI_PATH", "/opt/cni/bin");
    all.put("CNI_ARGS", "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web");
    return all;
  }

  private static String config(String version, String more) {
    return "{\"cniVersion\": \"%s\", \"name\": \"cilium\", \"type\": \"cilium-cni\"%s}"
        .formatted(version, more);
  }

  private CniAnswer call(String command, String input) {
    return plugin.answer(new CniCall(variables(command), input).toBytes());
  }

  private static Map<String, @Nullable Object> tree(CniAnswer answer) {
    return Trees.map(DocumentReader.readJson(answer.json()));
  }

  private static int code(CniAnswer answer) {
    assertFalse(answer.succeeded(), answer.json());
    return Trees.at(tree(answer), "code") instanceof Integer code ? code : -1;
  }

  // ---- every verb and version ----

  @ParameterizedTest
  @EnumSource(CniVersion.class)
  void add_ofEachVersion_answersInItsForm(CniVersion version) {
    for (int i = 0; i < 2; i++) {
      CniAnswer answer = call("ADD", config(version.toString(), ""));
      assertTrue(answer.succeeded(), answer.json());
      Map<String, @Nullable Object> result = tree(answer);
      assertEquals(version.toString(), result.get("cniVersion"));
      boolean namesFamily = !version.isAtLeast(CniVersion.V1_0_0);
      assertEquals(
          namesFamily
              ? List.of(
                  Map.of(
                      "version",
                      "4",
                      "address",
                      "10.1.0.5/32",
                      "gateway",
                      "10.1.0.1",
                      "interface",
                      1),
                  Map.of("version", "6", "address", "fd00::5/128", "interface", 1))
              : List.of(
                  Map.of("address", "10.1.0.5/32", "gateway", "10.1.0.1", "interface", 1),
                  Map.of("address", "fd00::5/128", "interface", 1)),
          result.get("ips"));
      assertEquals(
          List.of(Map.of("dst", "10.1.0.1/32"), Map.of("dst", "0.0.0.0/0", "gw", "10.1.0.1")),
          result.get("routes"));
      Map<?, ?> inside = (Map<?, ?>) Trees.items(result, "interfaces").get(1);
      assertEquals("/run/netns/a", inside.get("sandbox"));
      assertEquals(version == CniVersion.V1_1_0, inside.containsKey("mtu"));
    }
    var request = (CniRequest.Add) network.requests.getFirst();
    assertEquals(new CniAttachment("c1", "eth0"), request.attachment());
    assertEquals("web", request.arguments().get("K8S_POD_NAME"));
    assertEquals("cilium", request.network());
  }

  @ParameterizedTest
  @EnumSource(CniVersion.class)
  void del_ofEachVersion_answersNothing(CniVersion version) {
    for (int i = 0; i < 2; i++) {
      CniAnswer answer = call("DEL", config(version.toString(), ""));
      assertTrue(answer.succeeded(), answer.json());
      assertEquals("", answer.json());
    }
    assertEquals(
        new CniRequest.Delete(new CniAttachment("c1", "eth0"), "cilium"),
        network.requests.getLast());
  }

  @Test
  void del_withoutNamespaceOrPreviousResult_isDone() {
    Map<String, String> variables = variables("DEL");
    variables.remove("CNI_NETNS");
    assertTrue(plugin.answer(new CniCall(variables, config("1.0.0", ""))).succeeded());
  }

  @ParameterizedTest
  @CsvSource({
    "CHECK, 0.3.1, 4", "CHECK, 0.4.0, 0", "CHECK, 1.0.0, 0", "CHECK, 1.1.0, 0",
    "GC, 0.3.1, 4", "GC, 0.4.0, 4", "GC, 1.0.0, 4", "GC, 1.1.0, 0",
    "STATUS, 0.3.1, 4", "STATUS, 0.4.0, 4", "STATUS, 1.0.0, 4", "STATUS, 1.1.0, 0"
  })
  void verb_beforeItsVersion_isRefused(String command, String version, int code) {
    String more = ", \"prevResult\": " + PREVIOUS + ", \"cni.dev/valid-attachments\": []";
    CniAnswer answer = call(command, config(version, more));
    assertEquals(code == 0, answer.succeeded(), answer.json());
    if (code != 0) {
      assertEquals(code, code(answer));
      assertEquals(version, tree(answer).get("cniVersion"));
    }
  }

  @Test
  void version_ofAnyConfiguration_namesAll() {
    CniAnswer answer = call("VERSION", "{\"cniVersion\": \"0.4.0\"}");
    assertEquals(
        Map.of(
            "cniVersion",
            "0.4.0",
            "supportedVersions",
            List.of("0.3.1", "0.4.0", "1.0.0", "1.1.0")),
        tree(answer));
  }

  @Test
  void gc_ofAttachments_asksForTheRest() {
    String valid =
        ", \"cni.dev/valid-attachments\": [{\"containerID\": \"c1\", \"ifname\": \"eth0\"},"
            + " {\"containerID\": \"c2\", \"ifname\": \"net1\"}]";
    assertTrue(call("GC", config("1.1.0", valid)).succeeded());
    assertEquals(
        new CniRequest.Collect(
            "cilium", Set.of(new CniAttachment("c1", "eth0"), new CniAttachment("c2", "net1"))),
        network.requests.getFirst());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ", \"cni.dev/valid-attachments\": null",
        ", \"cni.dev/valid-attachments\": {}",
        ", \"cni.dev/valid-attachments\": [\"c1\"]",
        ", \"cni.dev/valid-attachments\": [{\"containerID\": \"c1\"}]",
        ", \"cni.dev/valid-attachments\": [{\"containerID\": \"../c\", \"ifname\": \"eth0\"}]"
      })
  void gc_withoutAReadableList_removesNothing(String more) {
    assertEquals(7, code(call("GC", config("1.1.0", more))));
    assertEquals(List.of(), network.requests);
  }

  // ---- chains ----

  @Test
  void add_behindOthers_passesTheirResultOnAsItIs() {
    CniAnswer answer = call("ADD", config("0.4.0", ", \"prevResult\": " + PREVIOUS));
    assertEquals(DocumentReader.readJson(PREVIOUS), tree(answer));
    var request = (CniRequest.Add) network.requests.getFirst();
    CniResult previous = request.previous().orElseThrow();
    assertEquals(
        List.of("cni0", "veth1", "eth0"),
        previous.interfaces().stream().map(CniResult.Interface::name).toList());
    assertEquals(24, previous.addresses().getFirst().prefixLength());
    assertEquals(2, previous.addresses().getFirst().device());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "\"x\"",
        "{\"ips\": [{}]}",
        "{\"ips\": [{\"address\": \"10.1.0.5\"}]}",
        "{\"ips\": [{\"address\": \"10.1.0.5/33\"}]}",
        "{\"ips\": [{\"address\": \"10.1.0.5/24\", \"interface\": 0}]}",
        "{\"ips\": [{\"address\": \"10.1.0.5/24\", \"gateway\": \"x\"}]}"
      })
  void add_behindAResultThatMakesNoSense_isRefused(String previous) {
    assertEquals(7, code(call("ADD", config("1.0.0", ", \"prevResult\": " + previous))));
    assertEquals(List.of(), network.requests);
  }

  @Test
  void check_withoutThePreviousResult_isRefused() {
    assertEquals(7, code(call("CHECK", config("1.0.0", ""))));
  }

  // ---- what makes no sense ----

  @ParameterizedTest
  @CsvSource({
    "CNI_COMMAND, '', 4",
    "CNI_COMMAND, add, 4",
    "CNI_COMMAND, ADDD, 4",
    "CNI_CONTAINERID, '', 4",
    "CNI_CONTAINERID, -c, 4",
    "CNI_CONTAINERID, a/b, 4",
    "CNI_CONTAINERID, 'a b', 4",
    "CNI_CONTAINERID, ../../etc, 4",
    "CNI_IFNAME, '', 4",
    "CNI_IFNAME, ., 4",
    "CNI_IFNAME, .., 4",
    "CNI_IFNAME, a/b, 4",
    "CNI_IFNAME, a:b, 4",
    "CNI_IFNAME, 'a b', 4",
    "CNI_IFNAME, sixteencharacter, 4",
    "CNI_NETNS, '', 4",
    "CNI_NETNS, netns/a, 4",
    "CNI_ARGS, K8S_POD_NAME, 4",
    "CNI_ARGS, =x, 4"
  })
  void variable_thatMakesNoSense_isNamed(String name, String value, int code) {
    Map<String, String> variables = variables("ADD");
    variables.put(name, value);
    CniAnswer answer = plugin.answer(new CniCall(variables, config("1.0.0", "")));
    assertEquals(code, code(answer));
    assertTrue(Trees.text(tree(answer), "msg").contains(name), answer.json());
    assertEquals(List.of(), network.requests);
  }

  @ParameterizedTest
  @CsvSource({
    "'', 6",
    "'x', 6",
    "'[]', 6",
    "'null', 6",
    "'{', 6",
    "'{}', 1",
    "'{\"cniVersion\": \"1.0.0\"}', 7",
    "'{\"cniVersion\": \"1.0.0\", \"name\": 1}', 7",
    "'{\"cniVersion\": \"0.2.0\", \"name\": \"n\"}', 1",
    "'{\"cniVersion\": \"1.2.0\", \"name\": \"n\"}', 1",
    "'{\"cniVersion\": \"1.0.0\", \"name\": \"n\", \"name\": \"m\"}', 6"
  })
  void configuration_thatMakesNoSense_isRefused(String input, int code) {
    for (String command : List.of("ADD", "DEL", "CHECK")) {
      assertEquals(code, code(call(command, input)), command);
    }
    assertEquals(List.of(), network.requests);
  }

  @Test
  void call_thatIsCutOff_isRefused() {
    byte[] whole = new CniCall(variables("ADD"), config("1.0.0", "")).toBytes();
    int variables = new String(whole, StandardCharsets.UTF_8).indexOf("\0\0");
    for (int i = 0; i <= variables; i++) {
      var cut = java.util.Arrays.copyOf(whole, i);
      assertFalse(plugin.answer(cut).succeeded());
    }
    assertEquals(List.of(), network.requests);
  }

  @Property(tries = 500)
  void call_ofAnyBytes_isAnsweredWithAnError(@ForAll @Size(max = 300) byte[] bytes) {
    CniAnswer answer = plugin.answer(bytes);
    assertFalse(answer.succeeded());
    assertTrue(code(answer) > 0);
  }

  @Test
  void configuration_nestedWithoutEnd_isRefused() {
    String deep = IntStream.range(0, 5000).mapToObj(_ -> "[").collect(Collectors.joining());
    assertEquals(6, code(call("ADD", config("1.0.0", ", \"x\": " + deep))));
  }

  // ---- what fails ----

  @ParameterizedTest
  @EnumSource(Code.class)
  void error_ofTheNetwork_isToldByItsNumber(Code code) {
    network.failure = new CniException(code, "a \"quoted\" line\n");
    CniAnswer answer = call("ADD", config("1.0.0", ""));
    assertEquals(code.number(), code(answer));
    assertEquals("a \"quoted\" line\n", tree(answer).get("msg"));
    assertEquals("1.0.0", tree(answer).get("cniVersion"));
  }

  @Test
  void failure_ofTheNetwork_isToTryAgain() {
    network.failure = new IllegalStateException("no more ids");
    for (String command : List.of("ADD", "DEL")) {
      assertEquals(11, code(call(command, config("1.1.0", ""))), command);
    }
  }

  @Test
  void answer_thatIsLost_isUndone() {
    CniAnswer answer = call("ADD", config("1.1.0", ""));
    answer.ifLost().run();
    assertEquals(List.of("c1:eth0"), network.undone);
  }

  @Test
  void attachment_ofAContainerIdThatIsNone_isRefused() {
    assertThrows(IllegalArgumentException.class, () -> new CniAttachment("", "eth0"));
    assertThrows(IllegalArgumentException.class, () -> new CniAttachment("a".repeat(201), "eth0"));
  }
}
