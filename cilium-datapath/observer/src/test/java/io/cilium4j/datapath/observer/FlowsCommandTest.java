// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.util.JsonFormat;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The command {@code cilium flows} at a real socket. */
class FlowsCommandTest extends ObserverTests {

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int flows(String... words) {
    out.reset();
    err.reset();
    return FlowsCommand.run(
        List.of(words),
        "unix://" + folder.resolve("hubble.sock"),
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  private String printed() {
    return out.toString(StandardCharsets.UTF_8);
  }

  /** What {@code hubble observe --print-raw-filters} of version 1.19 prints for the same flags. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "--from-ip 1.2.3.4 # {'source_ip':['1.2.3.4']}",
        "--ip 1.2.3.4 --to-port 80 # {'source_ip':['1.2.3.4'],'destination_port':['80']} "
            + "{'destination_ip':['1.2.3.4'],'destination_port':['80']}",
        "--pod a/b --verdict DROPPED # {'source_pod':['a/b'],'verdict':['DROPPED']} "
            + "{'destination_pod':['a/b'],'verdict':['DROPPED']}",
        "-n ns # {'source_pod':['ns/']} {'destination_pod':['ns/']}",
        "-n ns --pod x # {'source_pod':['ns/x']} {'destination_pod':['ns/x']}",
        "--pod x --namespace=ns # {'source_pod':['ns/x']} {'destination_pod':['ns/x']}",
        "-n a -n b # {'source_pod':['a/','b/']} {'destination_pod':['a/','b/']}",
        "-n a --pod x --namespace b # {'source_pod':['a/x','b/x']} {'destination_pod':['a/x','b/x']}",
        "-n ns --pod ns/x --pod y # {'source_pod':['ns/x','ns/y']} {'destination_pod':['ns/x','ns/y']}",
        "--from-namespace a --from-namespace b --not -n c --not -n d # {'source_pod':['a/','b/']}"
            + " not {'source_pod':['c/','d/']} {'destination_pod':['c/','d/']}",
        "--from-namespace ns --to-pod y # {'source_pod':['ns/'],'destination_pod':['y']}",
        "--to-namespace ns --to-service y # {'destination_service':['ns/y']}",
        "-A # {'source_pod':['/']} {'destination_pod':['/']}",
        "--from-all-namespaces # {'source_pod':['/']}",
        "--not --from-label app=x --label y # {'source_label':['y']} {'destination_label':['y']}"
            + " not {'source_label':['app=x']}",
        "--not --verdict FORWARDED --not --pod a/b --port 5 # {'source_port':['5']} "
            + "{'destination_port':['5']} not {'source_pod':['a/b'],'verdict':['FORWARDED']} "
            + "{'destination_pod':['a/b'],'verdict':['FORWARDED']}",
        "--identity world # {'source_identity':[2]} {'destination_identity':[2]}",
        "--from-identity 300 # {'source_identity':[300]}",
        "-t trace:to-endpoint --type drop # "
            + "{'event_type':[{'type':4,'match_sub_type':true},{'type':1}]}",
        "--type l7 # {'event_type':[{'type':129}]}",
        "--http-status 404 --http-header foo:bar # "
            + "{'http_status_code':['404'],'http_header':[{'key':'foo','value':'bar'}]}",
        "--protocol tcp --tcp-flags SYN,ACK # {'protocol':['tcp'],'tcp_flags':[{'SYN':true,'ACK':true}]}",
        "--tcp-flags SYN --tcp-flags ACK # {'tcp_flags':[{'SYN':true},{'ACK':true}]}",
        "--workload Deployment/web --service s --fqdn *.x # {'source_fqdn':['*.x'],"
            + "'source_service':['s'],'source_workload':[{'name':'web','kind':'Deployment'}]} "
            + "{'destination_fqdn':['*.x'],'destination_service':['s'],"
            + "'destination_workload':[{'name':'web','kind':'Deployment'}]}",
        "--from-workload web # {'source_workload':[{'name':'web'}]}",
        "--node-name k --node-label a=b # {'node_name':['k'],'node_labels':['a=b']}",
        "-4 # {'ip_version':['IPv4']}",
        "--ipv6 # {'ip_version':['IPv6']}",
        "--ip-version none # {'ip_version':['IP_NOT_USED']}",
        "--encrypted # {'encrypted':[true]}",
        "--unencrypted # {'encrypted':[false]}",
        "--cel-expression x # {'experimental':{'cel_expression':['x']}}",
        "--cluster c # {'source_cluster_name':['c']} {'destination_cluster_name':['c']}",
        "--interface eth0 # {'interface':[{'name':'eth0'}]}",
        "--uuid u --trace-id t --ip-trace-id 5 # {'uuid':['u'],'trace_id':['t'],'ip_trace_id':['5']}",
        "--traffic-direction ingress --drop-reason-desc POLICY_DENIED # "
            + "{'traffic_direction':['INGRESS'],'drop_reason_desc':['POLICY_DENIED']}",
        "--snat-ip 1.1.1.1 # {'source_ip_xlated':['1.1.1.1']}",
        "--ip 1.1.1.1 --ip 2.2.2.2 # {'source_ip':['1.1.1.1','2.2.2.2']} "
            + "{'destination_ip':['1.1.1.1','2.2.2.2']}",
        "--http-method get --http-path /x --http-url y # "
            + "{'http_method':['get'],'http_path':['/x'],'http_url':['y']}",
      })
  void run_flagsOfHubble_makeItsFilters(String words, String filters) throws Exception {
    List<String> all = new ArrayList<>(List.of(words.strip().split(" ")));
    all.add("--print-raw-filters");
    assertEquals(0, flows(all.toArray(String[]::new)), err::toString);
    List<String> parts = List.of(filters.replace('\'', '"').split("not "));
    var expected = new StringBuilder();
    for (int i = 0; i < parts.size(); i++) {
      expected.append(i == 0 ? "allowlist:\n" : "denylist:\n");
      for (String each : JsonObjects.split(parts.get(i).strip())) {
        var filter = FlowFilter.newBuilder();
        JsonFormat.parser().merge(each, filter);
        expected
            .append("    - '")
            .append(
                JsonFormat.printer()
                    .omittingInsignificantWhitespace()
                    .preservingProtoFieldNames()
                    .print(filter))
            .append("'\n");
      }
    }
    assertEquals(expected.toString(), printed());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      value = {
        "--port 80 --from-port 90 # --from-port 90: not together with --port",
        "-n a --to-pod y # --to-pod y: not together with --namespace",
        "--from-service y -A # -A: not together with --from-service",
        "-n a -n c --pod b/x # b/x: not in namespace a or c",
        "--verdict BOGUS # --verdict BOGUS: unknown",
        "--from-ip # --from-ip: wanted a value",
        "--last x # --last x: wanted a number",
        "--since then # --since then: wanted a time, as 2026-01-31T12:00:00Z, or such as 5m",
        "--type trace:nowhere # --type trace:nowhere: wanted trace:to-endpoint and the like",
        "--http-header x # --http-header x: wanted NAME:VALUE",
        "-o yaml # -o yaml: wanted compact or json",
        "--bogus # --bogus: unknown; see --help",
        "--server tcp://x # tcp://x: wanted unix://PATH",
        "--not # --not: wanted a filter behind it",
      })
  void run_whatMakesNoSense_saysWhat(String words, String message) {
    assertEquals(2, flows(words.strip().split(" ")));
    assertEquals("cilium flows: " + message + "\n", err.toString(StandardCharsets.UTF_8));
  }

  @Test
  void run_withFilters_printsTheFlowsThatMatchALineEach() {
    allowed("10.0.0.1", "10.0.0.2", 80);
    denied("10.0.0.2", "10.0.0.1", 81);
    assertEquals(0, flows("--from-pod", "default/tie"));
    assertTrue(
        printed()
            .matches(
                "[A-Z][a-z]{2} .\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3}: default/tiefighter:40000"
                    + " \\(ID:1001\\) -> default/xwing:80 \\(ID:1002\\) policy-verdict:L3-L4"
                    + " INGRESS ALLOWED \\(TCP Flags: \\) by CiliumNetworkPolicy/default/rule1"
                    + " spec\\.ingress\\[0]\n"),
        printed());
    assertEquals(0, flows("--verdict", "DROPPED", "--numeric"));
    assertTrue(
        printed()
            .contains("10.0.0.2:40000 (ID:1002) <> 10.0.0.1:81 (ID:1001) policy-denied DROPPED"),
        printed());
    assertTrue(printed().contains("policy-verdict:none INGRESS DENIED"), printed());
    assertTrue(printed().contains("by default deny"), printed());
    assertEquals(0, flows("--last", "1", "--type", "policy-verdict", "-o", "json"));
    assertEquals(1, printed().lines().count());
    assertTrue(printed().startsWith("{\"flow\":{"), printed());
    assertEquals(0, flows("--since", "1h", "--until", "30m"));
    assertEquals("", printed());
    assertEquals(0, flows("--all", "--not", "--port", "80", "--since", "1m30s"));
    assertEquals(2, printed().lines().count());
  }

  @Test
  void run_filterThatTheAgentRefuses_saysWhich() {
    assertEquals(1, flows("--cel-expression", "true"));
    assertEquals(
        "cilium flows: filter experimental.cel_expression: not supported\n",
        err.toString(StandardCharsets.UTF_8));
  }

  @Test
  void run_withoutAgent_saysWhatMayBeMissing() {
    String nowhere = "unix://" + folder.resolve("none.sock");
    assertEquals(1, flows("--server", nowhere));
    assertEquals(
        "cilium flows: " + nowhere + ": cannot connect; does the agent run with --enable-hubble?\n",
        err.toString(StandardCharsets.UTF_8));
  }
}
