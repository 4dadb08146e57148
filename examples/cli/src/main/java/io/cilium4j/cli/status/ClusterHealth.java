// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.command.Durations;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Which nodes are reached, in the words that operators know. A node that nothing is known against
 * is told as reachable: it may be too new to have been probed.
 */
final class ClusterHealth {
  /** Most nodes that are told one by one where nobody asked for all. */
  private static final int MAX_NODES = 10;

  private final Json health;

  /** The nodes, the one that was asked first, then by name. */
  private final List<Json> nodes = new ArrayList<>();

  ClusterHealth(Json health) {
    this.health = health;
    nodes.addAll(health.get("nodes").items());
    nodes.sort(
        Comparator.<Json, Boolean>comparing(each -> !isLocal(each))
            .thenComparing(each -> each.get("name").text()));
  }

  /** Whether the agent of this status probes nodes at all. */
  static boolean isProbed(Json status) {
    Json daemon = status.get("cluster", "ciliumHealth");
    return daemon.isPresent() && !daemon.get("state").text().equals("Disabled");
  }

  private boolean isLocal(Json node) {
    return node.get("name").text().equals(health.get("local", "name").text());
  }

  private String name(Json node) {
    return node.get("name").text() + (isLocal(node) ? " (localhost)" : "");
  }

  /** In one line. */
  String summary() {
    long reachable = nodes.stream().filter(ClusterHealth::isReachable).count();
    String interval = health.get("probeInterval").text();
    return "%d/%d reachable   (%s)%s"
        .formatted(
            reachable,
            nodes.size(),
            health.get("timestamp").text(),
            interval.isEmpty() ? "" : "   (Probe interval: " + interval + ")");
  }

  /** A line for each node that is not reached, or for every node. */
  String table(boolean all) {
    List<Json> told =
        all ? nodes : nodes.stream().filter(node -> !isReachable(node)).limit(MAX_NODES).toList();
    if (told.isEmpty()) {
      return "";
    }
    var table = new TextTable("  Name", "IP", "Node", "Endpoints");
    for (Json node : told) {
      List<Json> host = paths(node.get("host"));
      table.row(
          "  " + name(node),
          String.join(",", host.stream().map(path -> path.get("ip").text()).toList()),
          tally(host),
          tally(paths(node.get("health-endpoint"))));
    }
    long unreachable = nodes.stream().filter(node -> !isReachable(node)).count();
    return table + (all || unreachable <= told.size() ? "" : "  ...\n");
  }

  /** How many of these paths work, of how many. */
  private static String tally(List<Json> paths) {
    long works = paths.stream().filter(path -> !isFailing(path) && isKnown(path)).count();
    long unknown = paths.stream().filter(path -> !isFailing(path) && !isKnown(path)).count();
    return works + "/" + paths.size() + (unknown > 0 ? " (" + unknown + " unknown)" : "");
  }

  /** Each way to each address of each node. */
  String details() {
    var text = new StringBuilder();
    for (Json node : nodes) {
      text.append("  ").append(name(node)).append(":\n");
      details(text, "Host", node.get("host"));
      details(text, "Endpoint", node.get("health-endpoint"));
    }
    return text.toString()
        .lines()
        .map(TextTable::clean)
        .map(line -> line + "\n")
        .reduce("", String::concat);
  }

  private static void details(StringBuilder text, String what, Json part) {
    String which = what;
    for (Json path : paths(part)) {
      text.append("    ")
          .append(which)
          .append(" connectivity to ")
          .append(path.get("ip").text())
          .append(":\n");
      way(text, "ICMP to stack:", path.get("icmp"));
      way(text, "HTTP to agent:", path.get("http"));
      which = "Secondary " + what;
    }
  }

  private static void way(StringBuilder text, String name, Json way) {
    if (way.isPresent()) {
      String error = way.get("status").text();
      String probed = way.get("lastProbed").text();
      text.append("      ")
          .append(name)
          .append("   ")
          .append(
              error.isEmpty() ? "OK, RTT=" + Durations.latency(way.get("latency").number()) : error)
          .append(probed.isEmpty() ? "" : "   (Last probed: " + probed + ")")
          .append('\n');
    }
  }

  // ---- what is known of a node ----

  /** The addresses of a node, or of its endpoint that is there to be probed. */
  private static List<Json> paths(Json part) {
    List<Json> paths = new ArrayList<>();
    if (part.get("primary-address").isPresent()) {
      paths.add(part.get("primary-address"));
    }
    paths.addAll(part.get("secondary-addresses").items());
    return paths;
  }

  private static boolean isReachable(Json node) {
    return paths(node.get("host")).stream().noneMatch(ClusterHealth::isFailing)
        && paths(node.get("health-endpoint")).stream().noneMatch(ClusterHealth::isFailing);
  }

  private static boolean isFailing(Json path) {
    return !path.get("icmp", "status").text().isEmpty()
        || !path.get("http", "status").text().isEmpty();
  }

  private static boolean isKnown(Json path) {
    return path.get("icmp").isPresent() && path.get("http").isPresent();
  }
}
