// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AgentCommandsTest extends CommandTest {
  private static final String ENDPOINTS =
      """
      [{"id": 7, "status": {"state": "ready", "identity": {"id": 1234},
        "labels": {"security-relevant": ["k8s:b=2", "k8s:a=1"]},
        "networking": {"addressing": [{"ipv4": "10.0.0.7", "ipv6": "fd00::7"}]},
        "policy": {"realized": {"policy-enabled": "audit-ingress", "policy-revision": 3}}}},
       {"id": 3, "status": {"state": "not-ready"}}]
      """;

  @Test
  void endpointList_ofTwo_isSortedTableWithALineForEachLabel() {
    agent.on("GET /endpoint", 200, ENDPOINTS);
    assertEquals(0, run("endpoint", "list"));
    assertEquals(
        """
        ENDPOINT   POLICY (ingress)   POLICY (egress)   IDENTITY        LABELS (source:key[=value])   IPv6      IPv4       STATUS
                   ENFORCEMENT        ENFORCEMENT
        3          Unknown            Unknown           <no label id>   no labels                                          not-ready
        7          Disabled (Audit)   Disabled          1234            k8s:a=1                       fd00::7   10.0.0.7   ready
                                                                        k8s:b=2
        """,
        out());
  }

  @Test
  void endpointList_withJsonPath_printsWhatItSelects() {
    agent.on("GET /endpoint", 200, ENDPOINTS);
    assertEquals(0, run("endpoint", "ls", "-o", "jsonpath={[?(@.id==7)].status.state}"));
    assertEquals("ready\n", out());
    assertEquals(0, run("endpoint", "list", "-o", "jsonpath={range [*]}{.id}{\"\\n\"}{end}"));
    assertEquals("3\n7\n", out());
  }

  @Test
  void endpointList_jsonPathWithQuotes_takesThemAsTheyAre() {
    agent.on("GET /endpoint", 200, "[{\"id\": 7, \"name\": \"a==b, it's\"}, {\"id\": 8}]");
    for (String filter :
        List.of(
            "{[?(@.name==\"a==b, it's\")].id}",
            "{[?(@.name=='a==b, it\\'s')].id}",
            "{[?(@['name']!=\"<=\")].id}")) {
      assertEquals(0, run("endpoint", "list", "-o", "jsonpath=" + filter), filter + err());
      assertEquals("7\n", out(), filter);
    }
    assertEquals(
        0, run("endpoint", "list", "-o", "jsonpath={'say \"id\": '}{[0].id}{'\\n'}"), err());
    assertEquals("say \"id\": 7\n", out());
  }

  @Test
  void emptyArgument_isAnError() {
    for (String[] words :
        new String[][] {
          {"endpoint", "get", ""},
          {"identity", "get", ""},
          {"endpoint", "labels", ""},
          {"policy", "get", ""},
          {"endpoint", "get", "-l", "a,,b"}
        }) {
      assertEquals(ExitCode.MISUSED, run(words), String.join(" ", words));
      assertTrue(err().contains("empty"), err());
    }
    assertEquals(List.of(), agent.requests());
  }

  @Test
  void output_thatCannotBeWritten_isAnErrorThatSaysSo() {
    var full =
        new PrintStream(
            new OutputStream() {
              @Override
              public void write(int b) throws IOException {
                throw new IOException("No space left on device");
              }
            });
    var told = new ByteArrayOutputStream();
    var console =
        new Console(
            new ByteArrayInputStream(new byte[0]),
            full,
            new PrintStream(told, true, StandardCharsets.UTF_8));
    assertEquals(ExitCode.FAILED, Main.run(console, List.of("--help")));
    assertEquals(
        "cilium: the output could not be written\n", told.toString(StandardCharsets.UTF_8));
  }

  @Test
  void version_asAnOption_isTheCommand() {
    agent.on("GET /healthz", 200, "{\"cilium\": {\"msg\": \"1.2.3 x\"}}");
    assertEquals(0, run("--version"), err());
    assertTrue(out().contains("Daemon: 1.2.3"), out());
  }

  @Test
  void status_manyProblems_areAllToldALineEach() {
    agent.on(
        "GET /healthz",
        200,
        "{\"cilium\": {\"state\": \"Warning\", \"msg\": \"1.0; 2 problems:\\na.yaml: one\\nb.yaml:"
            + " two\"}}");
    assertEquals(ExitCode.FAILED, run("status"));
    assertTrue(out().contains("  a.yaml: one\n  b.yaml: two\n"), out());
    assertEquals(ExitCode.FAILED, run("status", "--brief"));
    assertEquals(1, out().lines().count(), out());
  }

  @Test
  void policyImport_ofYaml_sendsItAsJson() throws IOException {
    agent.on("PUT /policy", 200, "{\"revision\": 3}");
    Path file =
        Files.writeString(
            folder.resolve("x.yaml"), "- endpointSelector: {}\n  ingress: [{}]\n  labels: [a]\n");
    assertEquals(0, run("policy", "import", file.toString()), err());
    assertEquals(
        "PUT /policy"
            + " \"[{\\\"endpointSelector\\\":{},\\\"ingress\\\":[{}],\\\"labels\\\":[\\\"a\\\"]}]\"",
        agent.requests().getFirst());
  }

  @Test
  void endpointGet_ofUnknownId_failsInOneLine() {
    assertEquals(ExitCode.FAILED, run("endpoint", "get", "99"));
    assertEquals("cilium: endpoint/99: not found\n", err());
  }

  @Test
  void endpointConfig_change_isSentInTheAgentsSpelling() {
    agent.on("PATCH /endpoint/7/config", 200, "");
    assertEquals(0, run("endpoint", "config", "7", "Debug=ON", "Level=3"));
    assertEquals(
        List.of("PATCH /endpoint/7/config {\"options\":{\"Debug\":\"Enabled\",\"Level\":\"3\"}}"),
        agent.requests());
  }

  @Test
  void endpointLabels_addAndDelete_keepTheOthers() {
    agent
        .on("GET /endpoint/7/labels", 200, "{\"spec\":{\"user\":[\"a\",\"b\"]},\"status\":{}}")
        .on("PATCH /endpoint/7/labels", 200, "");
    assertEquals(0, run("endpoint", "labels", "7", "-a", "c", "-d", "a"));
    assertEquals("PATCH /endpoint/7/labels {\"user\":[\"b\",\"c\"]}", agent.requests().get(1));
  }

  @Test
  void endpointLabels_delete_takesLabelsAsTheyAreTyped() {
    agent
        .on("GET /endpoint/7/labels", 200, "{\"spec\":{\"user\":[\"unspec:t=x\",\"unspec:u=y\"]}}")
        .on("PATCH /endpoint/7/labels", 200, "");
    assertEquals(0, run("endpoint", "labels", "7", "-d", "t=x", "-d", "u"), err());
    assertEquals("PATCH /endpoint/7/labels {\"user\":[]}", agent.requests().get(1));
    assertEquals(ExitCode.FAILED, run("endpoint", "labels", "7", "-d", "k8s:app=web"));
    assertEquals("cilium: k8s:app=web: not one of the user labels\n", err());
  }

  @Test
  void status_unwell_fails() {
    agent.on(
        "GET /healthz",
        200,
        """
        {"cilium": {"state": "Failure", "msg": "no datapath"}, "cni-chaining": {"mode": "none"},
         "controllers": [{"name": "sync", "status": {"consecutive-failure-count": 2,
           "last-failure-msg": "refused"}}]}
        """);
    assertEquals(ExitCode.FAILED, run("status"));
    assertTrue(out().contains("Cilium:                  Failure   no datapath\n"), out());
    assertTrue(out().contains("Controller Status:       0/1 healthy\n"), out());
    assertTrue(out().contains("  sync   never          never        2       refused\n"), out());
    assertEquals(ExitCode.FAILED, run("status", "--brief"));
    assertEquals("error: cilium not healthy: no datapath\n", out());
  }

  private static final String HEALTH =
      """
      {"timestamp": "2026-01-02T03:04:05Z", "probeInterval": "1m5.917s", "local": {"name": "b"},
       "nodes": [
        {"name": "a", "host": {
          "primary-address": {"ip": "10.0.0.1",
            "icmp": {"latency": 304500, "lastProbed": "2026-01-02T03:04:05Z"},
            "http": {"status": "Connection refused", "lastProbed": "2026-01-02T03:04:04Z"}},
          "secondary-addresses": [{"ip": "fd00::1", "icmp": {"latency": 2000000}}]}},
        {"name": "b", "host": {
          "primary-address": {"ip": "10.0.0.2", "icmp": {"latency": 999},
            "http": {"latency": 1250000}}, "secondary-addresses": []}}]}
      """;

  private static final String PROBED =
      """
      {"cilium": {"state": "Ok"}, "cluster": {"ciliumHealth": {"state": "Ok"}, "self": "b"}}
      """;

  @Test
  void status_ofAClusterThatIsProbed_tellsWhoIsNotReached() throws IOException {
    agent.on("GET /healthz", 200, PROBED);
    try (var health = new FakeAgent(folder.resolve("health.sock"))) {
      health.on("GET /status", 200, HEALTH);
      assertEquals(0, run("status"), err());
      String summary =
          "Cluster health:          1/2 reachable   (2026-01-02T03:04:05Z)   (Probe interval:"
              + " 1m5.917s)\n";
      assertTrue(
          out()
              .contains(
                  summary
                      + """
                        Name   IP                 Node              Endpoints
                        a      10.0.0.1,fd00::1   0/2 (1 unknown)   0/0
                      """),
          out());
      assertEquals(0, run("status", "--all-nodes"));
      assertTrue(
          out().contains("\n  b (localhost)   10.0.0.2           1/1               0/0\n"), out());
      assertEquals(0, run("status", "--all-health"));
      assertTrue(
          out()
              .contains(
                  summary
                      + """
                        b (localhost):
                          Host connectivity to 10.0.0.2:
                            ICMP to stack:   OK, RTT=999ns
                            HTTP to agent:   OK, RTT=1.25ms
                        a:
                          Host connectivity to 10.0.0.1:
                            ICMP to stack:   OK, RTT=304.5µs   (Last probed: 2026-01-02T03:04:05Z)
                            HTTP to agent:   Connection refused   (Last probed: 2026-01-02T03:04:04Z)
                          Secondary Host connectivity to fd00::1:
                            ICMP to stack:   OK, RTT=2ms
                      """),
          out());
    }
  }

  @Test
  void status_healthIsNotTold_saysSo() {
    agent.on("GET /healthz", 200, PROBED);
    assertEquals(0, run("status"), err());
    assertTrue(
        out().contains("Cluster health:          Warning   cilium-health daemon unreachable\n"),
        out());
    agent.on(
        "GET /healthz",
        200,
        PROBED.replace("{\"state\": \"Ok\"}, \"self", "{\"state\": \"Disabled\"}, \"self"));
    assertEquals(0, run("status"), err());
    assertTrue(out().contains("Cluster health:          Probe disabled\n"), out());
  }

  @Test
  void version_withoutAgent_saysItsOwn() {
    int code = runAs(Map.of("CILIUM_SOCK", folder.resolve("none") + ""), "", "version");
    assertEquals(0, code, err());
    assertTrue(out().startsWith("Client: "), out());
    assertTrue(out().endsWith("Daemon: not reachable\n"), out());
  }

  @Test
  void anyCommand_withoutAgent_saysWhereItLooked() {
    String nowhere = folder.resolve("none.sock").toString();
    assertEquals(ExitCode.FAILED, runAs(Map.of(), "", "-H", "unix://" + nowhere, "ip", "list"));
    assertEquals(
        "cilium: cannot reach the agent at unix://"
            + nowhere
            + ": no such socket; is the agent running?\n",
        err());
    assertEquals(ExitCode.MISUSED, runAs(Map.of(), "", "-H", "tcp://x", "ip", "list"));
  }

  @Test
  void hostileAgent_isToldInOneLine() {
    for (String answer :
        List.of(
            "",
            "SSH-2.0-x\r\n",
            "HTTP/1.1 200 X\r\nContent-Length: -5\r\n\r\n",
            "HTTP/1.1 200 X\r\nContent-Length: 50\r\n\r\n[]",
            "HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n[]",
            "HTTP/1.1 200 X\r\n\r\n[{\"id\": ",
            "HTTP/1.1 200 X\r\n\r\n" + "[".repeat(100_000))) {
      agent.onRaw("GET /endpoint", answer);
      assertEquals(ExitCode.FAILED, run("endpoint", "list"), answer);
      assertEquals(1, err().lines().count(), err());
    }
  }

  @Test
  void endpointList_chunkedAnswer_isRead() {
    agent.onRaw(
        "GET /endpoint",
        """
        HTTP/1.1 200 X
        Transfer-Encoding: chunked

        4
        [{"i
        8;x=y
        d":5}]\s\s
        0

        """
            .replace("\n", "\r\n"));
    assertEquals(0, run("endpoint", "list", "-o", "jsonpath={[0].id}"), err());
    assertEquals("5\n", out());
  }

  @Test
  void policyImport_sendsTheRulesAsText() throws Exception {
    var file = folder.resolve("rules.json");
    java.nio.file.Files.writeString(file, "[{\"labels\": [{\"key\": \"a\"}]}]");
    agent.on("PUT /policy?replace=true", 200, "{\"revision\": 5}");
    assertEquals(0, run("policy", "import", "--replace", file.toString()), err());
    assertEquals("Revision: 5\n", out());
    assertEquals(
        "PUT /policy?replace=true \"[{\\\"labels\\\":[{\\\"key\\\":\\\"a\\\"}]}]\"",
        agent.requests().getFirst());
  }

  @Test
  void policyWait_untilRevisionIsEverywhere_ends() {
    agent.on(
        "GET /endpoint", 200, "[" + ENDPOINTS.substring(1, ENDPOINTS.indexOf("},\n {")) + "}]");
    assertEquals(0, run("policy", "wait", "3"), err());
    assertEquals(ExitCode.FAILED, run("policy", "wait", "4", "--max-wait-time", "0"));
  }

  @Test
  void serviceUpdate_isOneSpec() {
    agent.on("PUT /service/5", 201, "");
    assertEquals(
        0,
        run(
            "service",
            "update",
            "--id",
            "5",
            "--frontend",
            "[fd00::1]:80/UDP",
            "--backends",
            "10.0.0.1:8080,10.0.0.2:8080",
            "--k8s-node-port"),
        err());
    assertEquals("Added service with id 5 and 2 backends\n", out());
    assertTrue(agent.requests().getFirst().contains("\"type\":\"NodePort\""));
    assertEquals(ExitCode.MISUSED, run("service", "update", "--id", "5", "--frontend", "nonsense"));
  }

  @Test
  void serviceList_realized_isAsTheFieldHasIt() {
    agent.on(
        "GET /service",
        200,
        """
        [{"spec": {"id": 2, "frontend-address": {"ip": "fd00:96::1", "port": 53, "protocol": "udp"},
                   "flags": {"type": "ClusterIP"}},
          "status": {"realized": {"id": 2}}},
         {"spec": {"id": 1, "frontend-address": {"ip": "10.96.0.1", "port": 80, "protocol": "tcp"},
                   "backend-addresses": [{"ip": "10.0.0.1", "port": 8080, "state": "active"},
                                         {"ip": "10.0.0.2", "port": 8080, "state": "terminating"}],
                   "flags": {"type": "ClusterIP"}},
          "status": {"realized": {"id": 1, "backend-addresses": [{"ip": "10.0.0.1", "port": 8080}]}}}]
        """);
    assertEquals(0, run("service", "list"), err());
    assertEquals(
        """
        ID   Frontend              Service Type   Backend
        1    10.96.0.1:80/TCP      ClusterIP      1 => 10.0.0.1:8080 (active)
                                                  2 => 10.0.0.2:8080 (terminating)
        2    [fd00:96::1]:53/UDP   ClusterIP
        """,
        out());
  }

  @Test
  void serviceDeleteAll_someAreKubernetes_deletesTheOthersAndSaysSo() {
    agent.on("GET /service", 200, "[{\"spec\": {\"id\": 1}}, {\"spec\": {\"id\": 7}}]");
    agent.on("DELETE /service/1", 500, "\"service 1 is Service/shop/web of Kubernetes\"");
    agent.on("DELETE /service/7", 200, "");
    assertEquals(ExitCode.FAILED, run("service", "delete", "--all"), err());
    assertEquals(
        "Service 1: service 1 is Service/shop/web of Kubernetes\nService 7 deleted\n", out());
  }

  @Test
  void lists_ofWhatTheDatapathDoesNotHave_sayStored() {
    agent.on(
        "GET /service",
        200,
        """
        [{"spec": {"id": 1, "frontend-address": {"ip": "10.96.0.1", "port": 80, "protocol": "tcp"},
                   "backend-addresses": [{"ip": "10.0.0.1", "port": 8080}],
                   "flags": {"type": "ClusterIP"}},
          "status": {"realized": {"id": 1, "backend-addresses": []}}}]
        """);
    assertEquals(0, run("service", "list"), err());
    assertTrue(out().contains("1 => 10.0.0.1:8080 (active)   stored\n"), out());
    agent.on(
        "GET /recorder",
        200,
        """
        [{"spec": {"id": 3, "filters": [{"src-prefix": "10.0.0.0/8", "src-port": "0",
                   "dst-prefix": "0.0.0.0/0", "dst-port": "80", "protocol": "TCP"}]},
          "status": {"realized": {"id": 3, "filters": []}}}]
        """);
    agent.on("GET /recorder/masks", 200, "[]");
    assertEquals(0, run("recorder", "list"), err());
    assertTrue(out().contains("10.0.0.0/8:0       ->   0.0.0.0/0:80   TCP   stored\n"), out());
    agent.on(
        "GET /prefilter",
        200,
        """
        {"spec": {"revision": 2, "deny": ["192.0.2.0/24", "198.51.100.0/24"]},
         "status": {"realized": {"revision": 2, "deny": ["198.51.100.0/24"]}}}
        """);
    assertEquals(0, run("prefilter", "list"), err());
    assertTrue(out().endsWith("Revision: 2\n192.0.2.0/24      stored\n198.51.100.0/24\n"), out());
  }

  @Test
  void options_listed_sayWhatTheyDo() {
    agent.on(
        "GET /config",
        200,
        "{\"status\": {\"realized\": {\"options\": {\"DropNotification\": \"x\"}}}}");
    assertEquals(0, run("config", "--list-options"), err());
    assertEquals("DropNotification          report each packet that is dropped\n", out());
  }

  @Test
  void mapEvents_comeLineByLine() {
    agent.on(
        "GET /map/cilium_ipcache/events?follow=true",
        200,
        """
        {"key":"a","action":"update"}
        {"key":"b","action":"delete"}
        """);
    assertEquals(0, run("map", "events", "-f", "cilium_ipcache"), err());
    assertEquals(
        """
        key="a" value="" time= action=update desiredState= lastError=""
        key="b" value="" time= action=delete desiredState= lastError=""
        """,
        out());
  }

  @Test
  void everyCommand_namesItselfInHelpAndCompletion() {
    for (String name : Groups.NAMES) {
      Groups.find(name)
          .ifPresent(group ->
              group
                  .commands()
                  .forEach(spec -> {
                    String command = name + " " + spec.name() + " --help";
                    assertEquals(0, run(command.split(" +", -1)), command + err());
                  }));
    }
    for (String shell : List.of("bash", "zsh", "fish")) {
      assertEquals(0, run("completion", shell));
      assertTrue(out().contains("completion words"));
    }
  }

  private List<String> completed(String... words) {
    List<String> all = new ArrayList<>(List.of("completion", "words", "--"));
    all.addAll(List.of(words));
    assertEquals(0, run(all.toArray(String[]::new)), err());
    return out().lines().toList();
  }

  @Test
  void completion_knowsWhatMayComeNext() {
    agent.on("GET /endpoint", 200, "[{\"id\": 7}, {\"id\": 12}]");
    assertTrue(completed("").containsAll(List.of("agent", "policy", "version")));
    assertTrue(completed("--").containsAll(List.of("--version", "--host")));
    assertEquals(List.of("7", "12"), completed("endpoint", "get", ""));
    assertTrue(completed("endpoint", "get", "--").contains("--labels"));
    assertTrue(completed("endpoint", "get", "7", "-").contains("--output"));
    assertEquals(List.of("json", "yaml", "jsonpath="), completed("endpoint", "get", "7", "-o", ""));
    assertEquals(
        List.of("json", "yaml", "jsonpath="), completed("endpoint", "list", "--output", "=", "j"));
    assertEquals(List.of("7", "12"), completed("monitor", "--from", ""));
    assertTrue(completed("monitor", "--type", "d").containsAll(List.of("drop", "l7")));
    assertEquals(List.of(":files"), completed("policy", "validate", ""));
    assertEquals(List.of(":files"), completed("policy", "validate", "a.yaml", ""));
    assertEquals(List.of(":files"), completed("policy", "explain", "--policies", ""));
    assertTrue(completed("policy", "explain", "--policies", "x", "--").contains("--from"));
    assertEquals(List.of(":files"), completed("-H", ""));
    assertTrue(completed("-H", "unix:///x", "endpoint", "").contains("list"));
    assertTrue(completed("bpf", "ct", "").contains("list"));
    for (String program : List.of("agent", "cleanup", "flows", "operator")) {
      assertEquals(List.of(":program"), completed(program, "--"));
    }
  }
}
