// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.LoadBalancing;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DaemonSettingsTest {
  @TempDir Path folder;

  private static DaemonSettings read(String... flags) {
    return DaemonSettings.read(List.of(flags), Map.of());
  }

  @Test
  void read_ofSeveralSources_takesTheFirstThatSaysSomething() throws IOException {
    Files.writeString(folder.resolve("cluster-name"), "from-file\n");
    Files.writeString(folder.resolve("cluster-id"), "1");
    Files.writeString(folder.resolve("mtu"), "1400");
    Files.createDirectory(folder.resolve("..data"));
    var settings =
        DaemonSettings.read(
            List.of("--config-dir", folder.toString(), "--cluster-name=from-flag"),
            Map.of("CILIUM_CLUSTER_NAME", "from-environment", "CILIUM_CLUSTER_ID", "2"));
    assertEquals("from-flag", settings.text("cluster-name"));
    assertEquals(2, settings.number("cluster-id"));
    assertEquals(1400, settings.number("mtu"));
    assertEquals("default", settings.text("enable-policy"));
    assertEquals(List.of(), settings.unknown());
  }

  private DaemonSettings readFile(String yaml) throws IOException {
    return read("--config", Files.writeString(folder.resolve("c.yaml"), yaml).toString());
  }

  @Test
  void read_ofFile_takesItsScalars() throws IOException {
    var settings =
        readFile("# x\nmtu: \"1300\" # bytes\nenable-ipv6: false\ncluster-name: 'a-b'\n");
    assertEquals(1300, settings.number("mtu"));
    assertFalse(settings.isOn("enable-ipv6"));
    assertEquals("a-b", settings.text("cluster-name"));
    assertEquals("default", readFile("").text("cluster-name"));
  }

  @Test
  void read_ofTruths_takesThoseOfTheField() {
    for (String on : List.of("true", "True", "t", "1")) {
      assertTrue(read("--debug=" + on).isOn("debug"), on);
    }
    for (String off : List.of("false", "FALSE", "F", "0")) {
      assertFalse(read("--enable-ipv6=" + off).isOn("enable-ipv6"), off);
    }
  }

  @Test
  void read_ofNames_takesCommasAndSpaces() throws IOException {
    assertEquals(List.of(), read().names("devices"));
    assertEquals(List.of("eth0"), read("--devices", "eth0").names("devices"));
    assertEquals(
        List.of("eth0", "ens+", "bond0.7"), read("--devices=eth0,ens+, bond0.7").names("devices"));
    assertEquals(List.of("eth0", "eth1"), readFile("devices: eth0 eth1").names("devices"));
    for (String wrong : List.of("eth0,", ",", "a/b", "sixteen-characters-and-more")) {
      assertThrows(OptionException.class, () -> read("--devices=" + wrong), wrong);
    }
  }

  @Test
  void read_ofFileThatIsNoMapOfScalars_saysWhere() {
    for (String wrong : List.of("mtu", "- mtu: 1300", "mtu: [1300]", "mtu: 1\nmtu: 2", "mtu: {")) {
      var refused = assertThrows(OptionException.class, () -> readFile(wrong), wrong);
      assertTrue(refused.getMessage().contains("c.yaml"), refused.getMessage());
      assertEquals(1, refused.getMessage().lines().count(), refused.getMessage());
    }
  }

  @Test
  void read_ofUnknownKeys_reportsThoseOfFilesAndRefusesFlags() throws IOException {
    Files.writeString(folder.resolve("some-new-option"), "x");
    var settings =
        DaemonSettings.read(
            List.of("--config-dir", folder.toString()),
            Map.of("CILIUM_SOCK", "x", "CILIUM_NONSENSE", "x"));
    assertEquals(
        List.of("CILIUM_NONSENSE: no such option", "some-new-option: no such option, in " + folder),
        settings.unknown());
    assertThrows(OptionException.class, () -> read("--some-new-option", "x"));
  }

  /** What the field's installer writes into cilium-config, of what could stop the agent. */
  @Test
  void read_ofTheFieldsInstaller_isAcceptedAndTold() throws IOException {
    Map<String, String> installed =
        Map.of(
            "enable-endpoint-health-checking", "true",
            "enable-external-ips", "true",
            "enable-host-port", "true",
            "enable-node-port", "false",
            "enable-session-affinity", "true",
            "enable-vtep", "false",
            "enable-ipv4-big-tcp", "false",
            "enable-bandwidth-manager", "false",
            "mesh-auth-enabled", "false",
            "kube-proxy-replacement", "true");
    for (Map.Entry<String, String> key : installed.entrySet()) {
      Files.writeString(folder.resolve(key.getKey()), key.getValue());
    }

    var settings = DaemonSettings.read(List.of("--config-dir", folder.toString()), Map.of());

    assertEquals(
        List.of(
            "enable-external-ips: no such option, in " + folder,
            "enable-host-port: no such option, in " + folder,
            "enable-node-port: no such option, in " + folder,
            "enable-session-affinity: no such option, in " + folder,
            "enable-endpoint-health-checking: not built: the nodes' own addresses are probed alone"),
        settings.unknown());
  }

  @Test
  void read_ofWrongValue_namesTheKey() {
    for (String wrong :
        List.of(
            "mtu=big",
            "enable-ipv4=perhaps",
            "cluster-name=UPPER",
            "enable-policy=sometimes",
            "ipv4-range=nonsense",
            "prometheus-serve-addr=9962",
            "prometheus-serve-addr=:65536",
            "tunnel-port=65536",
            "instance=longer-than-8",
            "routing-mode=nonsense",
            "connectivity-probe-frequency-ratio=1.5",
            "mtu=")) {
      var refused = assertThrows(OptionException.class, () -> read("--" + wrong), wrong);
      assertTrue(
          refused.getMessage().startsWith(wrong.substring(0, wrong.indexOf('='))),
          refused.getMessage());
      assertTrue(refused.getMessage().contains(": wanted "), refused.getMessage());
      assertEquals(1, refused.getMessage().lines().count());
    }
  }

  @Test
  void agent_ofHealthPortThatIsNone_namesTheKey() {
    for (String port : List.of("0", "65536")) {
      var settings = read("--cluster-health-port", port);
      var refused = assertThrows(OptionException.class, () -> Daemon.agent(settings));
      assertTrue(refused.getMessage().startsWith("cluster-health-port: "), refused.getMessage());
    }
  }

  @Test
  void agent_ofLabelPatternThatIsNone_namesTheKey() {
    for (String key : List.of("labels", "node-labels")) {
      var settings = read("--" + key, "k8s:app a(", "--enable-node-selector-labels");
      var refused = assertThrows(OptionException.class, () -> Daemon.agent(settings));
      assertTrue(
          refused.getMessage().startsWith(key + ": label pattern \"a(\""), refused.getMessage());
    }
  }

  @Test
  void agent_ofLabelPrefixFile_isReadOrNamed() throws IOException {
    Path file = folder.resolve("prefixes.json");
    Files.writeString(
        file,
        """
        {"version": 1, "valid-prefixes": [
          {"prefix": "app", "source": "k8s"}, {"invert": true, "prefix": "app.build", "source": "any"}]}
        """);
    Daemon.agent(read("--label-prefix-file", file.toString()));
    for (String wrong :
        List.of(
            "",
            "[",
            "{}",
            "{\"version\": 2, \"valid-prefixes\": []}",
            "{\"version\": 1, \"valid-prefixes\": {}}",
            "{\"version\": 1, \"valid-prefixes\": [{\"prefix\": \"app\"}]}",
            "{\"version\": 1, \"valid-prefixes\": [{\"source\": \"k8s\"}]}")) {
      Files.writeString(file, wrong);
      var settings = read("--label-prefix-file", file.toString());
      var refused = assertThrows(OptionException.class, () -> Daemon.agent(settings), wrong);
      assertTrue(refused.getMessage().startsWith("label-prefix-file: "), refused.getMessage());
      assertEquals(1, refused.getMessage().lines().count());
    }
    var missing = read("--label-prefix-file", folder.resolve("none").toString());
    assertThrows(OptionException.class, () -> Daemon.agent(missing));
  }

  @Test
  void read_ofWhatIsNotBuilt_isRefused() {
    for (String later : List.of("enable-egress-gateway", "enable-srv6", "enable-wireguard")) {
      var refused = assertThrows(OptionException.class, () -> read("--" + later), later);
      assertTrue(refused.getMessage().contains("not built yet"), refused.getMessage());
    }
  }

  @Test
  void help_namesEveryOption() {
    DaemonOptions.all()
        .forEach(
            option -> assertTrue(DaemonOptions.help().contains("--" + option.key()), option.key()));
  }

  @Test
  void defaults_areValues() {
    DaemonOptions.all()
        .forEach(option ->
            assertEquals(option.byDefault(), option.check(option.byDefault(), "default")));
  }

  @Test
  void masquerade_leftToTheAgentOrSaid_isKept() {
    String key = "enable-ipv4-masquerade";
    assertEquals("auto", DaemonSettings.read(List.of(), Map.of()).text(key));
    assertEquals("true", DaemonSettings.read(List.of("--" + key), Map.of()).text(key));
    assertEquals("false", DaemonSettings.read(List.of("--" + key + "=F"), Map.of()).text(key));
    assertThrows(
        OptionException.class,
        () -> DaemonSettings.read(List.of("--enable-bpf-masquerade"), Map.of()));
  }

  @Test
  void ipMasqAgent_notAskedFor_isOffWithCiliumsPath() {
    DaemonSettings settings = DaemonSettings.read(List.of(), Map.of());
    assertEquals("false", settings.text("enable-ip-masq-agent"));
    assertEquals("/etc/config/ip-masq-agent", settings.text("ip-masq-agent-config-path"));
  }

  @Test
  void loadBalancing_asSaid_isRead() {
    assertEquals(
        LoadBalancing.DEFAULT, LoadBalancerOptions.read(DaemonSettings.read(List.of(), Map.of())));
    assertEquals(
        new LoadBalancing(
            LoadBalancerAlgorithm.MAGLEV, true, new MaglevParameters(16_381, "AAAAAAAAAAAAAAAA")),
        LoadBalancerOptions.read(
            DaemonSettings.read(
                List.of(
                    "--bpf-lb-algorithm=maglev",
                    "--bpf-lb-algorithm-annotation",
                    "--bpf-lb-maglev-table-size=16381",
                    "--bpf-lb-maglev-hash-seed=AAAAAAAAAAAAAAAA"),
                Map.of())));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          bpf-lb-algorithm=least-conn | bpf-lb-algorithm: "least-conn" from --bpf-lb-algorithm: wanted random or maglev
          bpf-lb-maglev-table-size=1000 | bpf-lb-maglev-table-size: "1000" from --bpf-lb-maglev-table-size: wanted 251 or 509 or 1021 or 2039 or 4093 or 8191 or 16381 or 32749 or 65521 or 131071
          bpf-lb-maglev-table-size=many | bpf-lb-maglev-table-size: "many" from --bpf-lb-maglev-table-size: wanted a number from 0 on
          bpf-lb-maglev-hash-seed=short | bpf-lb-maglev-hash-seed: "short": wanted 12 bytes in base64
          bpf-lb-maglev-hash-seed=AAAA | bpf-lb-maglev-hash-seed: "AAAA": wanted 12 bytes in base64
          """)
  void loadBalancing_thatCannotBe_isOneLine(String option, String line) {
    var wrong =
        assertThrows(
            OptionException.class,
            () -> LoadBalancerOptions.read(DaemonSettings.read(List.of("--" + option), Map.of())));
    assertEquals(line, wrong.getMessage());
  }
}
