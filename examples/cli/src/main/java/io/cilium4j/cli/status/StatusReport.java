// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.Durations;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The text of {@code cilium status}: a line for each part, in the order and with the words that
 * operators know, and below some of them what they ask for in detail. Parts that the agent says
 * nothing about have no line.
 */
final class StatusReport {
  /** ANSI's red. */
  private static final int RED = 31;

  /** Width of the names: the longest is that of the identity range. */
  private static final int NAME_WIDTH = 25;

  private final Json status;
  private final Json health;
  private final Arguments arguments;
  private final Console console;
  private final StringBuilder out = new StringBuilder();

  /**
   * Nothing is printed yet.
   *
   * @param status the agent's
   * @param health which nodes it reaches; absent where it does not say
   */
  StatusReport(Json status, Json health, Arguments arguments, Console console) {
    this.status = status;
    this.health = health;
    this.arguments = arguments;
    this.console = console;
  }

  private boolean wants(String detail) {
    return arguments.has(detail) || arguments.has("--verbose");
  }

  String print() {
    base();
    network();
    controllers();
    proxy();
    cluster();
    services();
    mapsAndEncryption();
    return out.toString();
  }

  private void line(String name, String... cells) {
    String text = TextTable.clean(String.join("   ", cells)).strip();
    String line = name + " ".repeat(Math.max(1, NAME_WIDTH - name.length())) + text;
    boolean bad = text.startsWith("Failure") || text.startsWith("Warning");
    out.append(bad ? console.coloured(line, RED) : line).append('\n');
  }

  private void state(String name, Json part) {
    if (part.isPresent()) {
      String[] lines = part.get("msg").text().split("\n", -1);
      line(name, part.get("state").text(), lines[0]);
      for (int i = 1; i < lines.length; i++) {
        out.append("  ").append(TextTable.clean(lines[i])).append('\n');
      }
    }
  }

  private static String enabled(boolean enabled) {
    return enabled ? "Enabled" : "Disabled";
  }

  private void base() {
    state("KVStore:", status.get("kvstore"));
    state("ContainerRuntime:", status.get("container-runtime"));
    Json kubernetes = status.get("kubernetes");
    state("Kubernetes:", kubernetes);
    List<String> apis = kubernetes.get("k8s-api-versions").texts();
    if (!apis.isEmpty()) {
      String quoted = String.join("\", \"", apis.stream().sorted().toList());
      line("Kubernetes APIs:", "[\"" + quoted + "\"]");
    }
    Json replacement = status.get("kube-proxy-replacement");
    if (replacement.isPresent()) {
      boolean isPart =
          !replacement.get("features", "nodePort", "enabled").isTrue()
              && replacement.get("features", "sessionAffinity", "enabled").isTrue();
      line(
          "KubeProxyReplacement:",
          replacement.get("mode").text(),
          isPart ? "ClusterIP services only" : devices(replacement));
    }
    Json firewall = status.get("host-firewall");
    if (firewall.isPresent()) {
      List<String> devices = firewall.get("devices").texts();
      line(
          "Host firewall:",
          firewall.get("mode").text(),
          devices.isEmpty() ? "" : "[" + String.join(", ", devices) + "]");
      if (arguments.has("--verbose") && firewall.get("mode").text().equals("Enabled")) {
        detail("Always passes:", "ARP, neighbour and router discovery, MLD, IGMP, ICMP errors,");
        detail("", "DHCP, tunnels of known nodes, groups by other protocols than UDP and TCP");
      }
    }
    Json srv6 = status.get("srv6");
    if (srv6.isPresent()) {
      line("SRv6:", enabled(srv6.get("enabled").isTrue()));
    }
    line("CNI Chaining:", status.get("cni-chaining", "mode").text("none"));
    Json cni = status.get("cni-file");
    if (cni.isPresent()) {
      line("CNI Config file:", cni.get("msg").text());
    }
    state("Cilium:", status.get("cilium"));
    Map<String, Json> stale = new TreeMap<>(status.get("stale").fields());
    stale.forEach((probe, since) -> line("Stale status:", probe + " since " + since.text()));
  }

  /** Which parts of kube-proxy's work are done, as operators know the list. */
  private void services() {
    Json features = status.get("kube-proxy-replacement", "features");
    if (!arguments.has("--verbose") || !features.isPresent()) {
      return;
    }
    out.append("KubeProxyReplacement Details:\n");
    detail("Status:", status.get("kube-proxy-replacement", "mode").text());
    detail("Socket LB:", enabled(features, "socketLB"));
    Json nodePort = features.get("nodePort");
    if (!nodePort.get("algorithm").text().isEmpty()) {
      detail("Mode:", nodePort.get("mode").text());
      long slots = nodePort.get("lutSize").number();
      detail(
          "Backend Selection:",
          nodePort.get("algorithm").text() + (slots > 0 ? " (Table Size: " + slots + ")" : ""));
    }
    detail("Session Affinity:", enabled(features, "sessionAffinity"));
    detail("Graceful Termination:", enabled(features, "gracefulTermination"));
    detail("NAT46/64 Support:", enabled(features, "nat46X64"));
    out.append("  Services:\n");
    // The API has no word for ClusterIP: who keeps clients at their backends has services.
    detail("- ClusterIP:", enabled(features, "sessionAffinity"));
    detail("- NodePort:", enabled(features, "nodePort"));
    detail("- LoadBalancer:", enabled(features, "nodePort"));
    detail("- externalIPs:", enabled(features, "externalIPs"));
    detail("- HostPort:", enabled(features, "hostPort"));
  }

  private void detail(String name, String text) {
    line("  " + name, text);
  }

  private static String enabled(Json features, String name) {
    return enabled(features.get(name, "enabled").isTrue());
  }

  private static String devices(Json replacement) {
    List<String> devices = new ArrayList<>();
    for (Json device : replacement.get("deviceList").items()) {
      devices.add(device.get("name").text() + " " + String.join(" ", device.get("ip").texts()));
    }
    return devices.isEmpty() ? "" : "[" + String.join(", ", devices) + "]";
  }

  private void network() {
    Json monitor = status.get("nodeMonitor");
    if (!monitor.isPresent()) {
      line("NodeMonitor:", "Disabled");
    } else {
      line(
          "NodeMonitor:",
          "Listening for events on %s CPUs with %sx%s of shared memory"
              .formatted(
                  monitor.get("cpus").text("0"),
                  monitor.get("npages").text("0"),
                  monitor.get("pagesize").text("0")));
      if (monitor.get("lost").number() + monitor.get("unknown").number() > 0) {
        line(
            "",
            "%s events lost, %s unknown notifications"
                .formatted(monitor.get("lost").text("0"), monitor.get("unknown").text("0")));
      }
    }
    state("Cilium health daemon:", status.get("cluster", "ciliumHealth"));
    Json ipam = status.get("ipam");
    if (ipam.isPresent()) {
      line("IPAM:", ipam.get("status").text());
      if (wants("--all-addresses")) {
        out.append("Allocated addresses:\n");
        new TreeMap<>(ipam.get("allocations").fields())
            .forEach((address, owner) ->
                out.append(TextTable.clean("  " + address + " (" + owner.text() + ")"))
                    .append('\n'));
      }
    }
    clusterMesh();
    bigTcp("IPv4 BIG TCP:", status.get("ipv4-big-tcp"));
    bigTcp("IPv6 BIG TCP:", status.get("ipv6-big-tcp"));
    Json bandwidth = status.get("bandwidth-manager");
    if (bandwidth.isPresent()) {
      line(
          "BandwidthManager:",
          bandwidth.get("enabled").isTrue()
              ? "EDT with BPF [%s] [%s]"
                  .formatted(
                      bandwidth.get("congestionControl").text().toUpperCase(Locale.ROOT),
                      String.join(", ", bandwidth.get("devices").texts()))
              : "Disabled");
    }
    Json routing = status.get("host-routing");
    if (routing.isPresent()) {
      line("Host Routing:", routing.get("mode").text());
    }
    masquerading();
    Json clock = status.get("clock-source");
    if (arguments.has("--verbose") && clock.isPresent()) {
      String hertz = clock.get("hertz").text();
      line("Clock Source for BPF:", clock.get("mode").text(), hertz.isEmpty() ? "" : hertz + " Hz");
    }
  }

  private void clusterMesh() {
    Json mesh = status.get("cluster-mesh");
    if (!mesh.isPresent()) {
      return;
    }
    List<Json> clusters = mesh.get("clusters").items();
    long ready = clusters.stream().filter(each -> each.get("ready").isTrue()).count();
    line(
        "ClusterMesh:",
        "%d/%d clusters ready, %s global-services"
            .formatted(ready, clusters.size(), mesh.get("num-global-services").text("0")));
    for (Json cluster : clusters) {
      if (wants("--all-clusters") || !cluster.get("ready").isTrue()) {
        line(
            "   " + cluster.get("name").text() + ":",
            cluster.get("ready").isTrue() ? "ready" : "not-ready",
            cluster.get("status").text());
      }
    }
  }

  private void bigTcp(String name, Json part) {
    if (part.isPresent()) {
      boolean on = part.get("enabled").isTrue();
      line(name, enabled(on), on ? "[" + part.get("maxGSO").text() + "]" : "");
    }
  }

  private void masquerading() {
    Json part = status.get("masquerading");
    if (!part.isPresent()) {
      return;
    }
    boolean v4 = part.get("enabledProtocols", "ipv4").isTrue();
    boolean v6 = part.get("enabledProtocols", "ipv6").isTrue();
    if (!v4 && !v6) {
      line("Masquerading:", enabled(part.get("enabled").isTrue()));
      return;
    }
    String mode = part.get("mode").text();
    if (!mode.equals("BPF")) {
      mode = "IPTables";
    }
    if (part.get("ip-masq-agent").isTrue()) {
      mode += " (ip-masq-agent)";
    }
    line("Masquerading:", "%s [IPv4: %s, IPv6: %s]".formatted(mode, enabled(v4), enabled(v6)));
  }

  private void controllers() {
    Json controllers = status.get("controllers");
    if (!controllers.isPresent()) {
      return;
    }
    int failing = 0;
    List<Json> shown = new ArrayList<>();
    for (Json controller : controllers.items()) {
      boolean fails = controller.get("status", "consecutive-failure-count").number() > 0;
      failing += fails ? 1 : 0;
      if (fails || wants("--all-controllers")) {
        shown.add(controller);
      }
    }
    int all = controllers.items().size();
    line("Controller Status:", (all - failing) + "/" + all + " healthy");
    if (shown.isEmpty()) {
      return;
    }
    shown.sort(java.util.Comparator.comparing(each -> each.get("name").text()));
    var table = new TextTable("  Name", "Last success", "Last error", "Count", "Message");
    for (Json controller : shown) {
      Json state = controller.get("status");
      table.row(
          "  " + controller.get("name").text(),
          Durations.ago(state.get("last-success-timestamp").text()),
          Durations.ago(state.get("last-failure-timestamp").text()),
          state.get("consecutive-failure-count").text("0"),
          state.get("last-failure-msg").text("no error"));
    }
    out.append(table);
  }

  private void proxy() {
    Json proxy = status.get("proxy");
    if (!proxy.isPresent()) {
      line("Proxy Status:", "No managed proxy redirect");
    } else {
      line(
          "Proxy Status:",
          "OK, ip %s, %s redirects active on ports %s"
              .formatted(
                  proxy.get("ip").text(),
                  proxy.get("total-redirects").text("0"),
                  proxy.get("port-range").text()));
      List<Json> redirects = proxy.get("redirects").items();
      if (wants("--all-redirects") && !redirects.isEmpty()) {
        var table = new TextTable("  Protocol", "Redirect", "Proxy Port");
        for (Json each : redirects) {
          table.row(
              "  " + each.get("proxy").text(),
              each.get("name").text(),
              each.get("proxy-port").text());
        }
        out.append(table);
      }
    }
    Json range = status.get("identity-range");
    line(
        "Global Identity Range:",
        range.isPresent()
            ? "min %s, max %s"
                .formatted(range.get("min-identity").text("0"), range.get("max-identity").text("0"))
            : "Unknown");
    hubble();
  }

  private void hubble() {
    Json hubble = status.get("hubble");
    if (!hubble.isPresent()) {
      return;
    }
    Json observer = hubble.get("observer");
    long max = observer.get("max-flows").number();
    long present = observer.get("current-flows").number();
    String flows =
        max > 0
            ? String.format(
                Locale.ROOT,
                "Current/Max Flows: %d/%d (%.2f%%)",
                present,
                max,
                100.0 * present / max)
            : "";
    String metrics = hubble.get("metrics", "state").text();
    String state = (hubble.get("state").text() + " " + hubble.get("msg").text()).strip();
    line("Hubble:", state, flows, metrics.isEmpty() ? "" : "Metrics: " + metrics);
  }

  private void cluster() {
    Json cluster = status.get("cluster");
    List<Json> nodes = cluster.get("nodes").items();
    if (!ClusterHealth.isProbed(status)) {
      line("Cluster health:", "Probe disabled");
    } else if (!health.isPresent()) {
      line("Cluster health:", "Warning", "cilium-health daemon unreachable");
    } else {
      var reached = new ClusterHealth(health);
      line("Cluster health:", reached.summary());
      out.append(
          wants("--all-health") ? reached.details() : reached.table(arguments.has("--all-nodes")));
    }
    if (wants("--all-nodes") && !nodes.isEmpty()) {
      var table = new TextTable("  Name", "IPv4", "IPv6", "Endpoint CIDRs");
      for (Json node : nodes) {
        Json v4 = node.get("primary-address", "ipv4");
        Json v6 = node.get("primary-address", "ipv6");
        table.row(
            "  " + node.get("name").text(),
            v4.get("ip").text(),
            v6.get("ip").text(),
            (v4.get("alloc-range").text() + " " + v6.get("alloc-range").text()).strip());
      }
      out.append(table);
    }
  }

  private void mapsAndEncryption() {
    Json maps = status.get("bpf-maps");
    if (arguments.has("--verbose") && maps.isPresent()) {
      double ratio = maps.get("dynamic-size-ratio").decimal();
      line("BPF Maps:", "dynamic sizing: " + (ratio > 0 ? "on (ratio: " + ratio + ")" : "off"));
      var table = new TextTable("  Name", "Size");
      for (Json map : maps.get("maps").items()) {
        table.row("  " + map.get("name").text(), map.get("size").text("0"));
      }
      out.append(table);
    }
    Json encryption = status.get("encryption");
    if (encryption.isPresent()) {
      line("Encryption:", encryption.get("mode").text(), encryption.get("msg").text());
    }
  }
}
