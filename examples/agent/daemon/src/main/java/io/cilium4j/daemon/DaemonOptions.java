// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Every option that the agent knows. Those of Cilium that it knows and cannot carry out are here as
 * well: asking for them must not pass unheard.
 */
final class DaemonOptions {
  private static final List<String> ALL = List.of();

  private static final Map<String, DaemonOption> BY_KEY = new LinkedHashMap<>();

  static {
    general();
    cluster();
    addresses();
    policy();
    datapath();
    kubernetes();
    health();
    reports();
    HubbleOptions.addTo(DaemonOptions::add);
    later();
  }

  private DaemonOptions() {}

  /** All options, in the order in which help lists them. */
  static List<DaemonOption> all() {
    return List.copyOf(BY_KEY.values());
  }

  static Optional<DaemonOption> find(String key) {
    return Optional.ofNullable(BY_KEY.get(key));
  }

  /** Adds an option that takes every value of its kind, or some only. */
  private static void add(
      Group group, String key, Kind kind, String byDefault, String summary, String... built) {
    List<String> values = built.length == 0 ? ALL : List.of(built);
    BY_KEY.put(key, new DaemonOption(key, group, kind, byDefault, values, summary));
  }

  private static void general() {
    Group group = Group.GENERAL;
    add(group, "config", Kind.PATH, "", "a file of options, a line \"key: value\" each");
    add(group, "config-dir", Kind.PATH, "", "a folder of options, a file each");
    add(
        group,
        "instance",
        Kind.INSTANCE,
        "cilium4j",
        "name of this agent among others of the machine");
    add(group, "state-dir", Kind.PATH, "", "what outlives the agent; default /run/INSTANCE");
    add(group, "socket-path", Kind.PATH, "/var/run/cilium/cilium.sock", "the API's UNIX socket");
    add(
        group,
        "heap",
        Kind.TEXT,
        "256m",
        "largest heap of the JVM; a flag or variable only, see docs/operations.md");
    add(group, "debug", Kind.TRUTH, "false", "log more");
  }

  private static void cluster() {
    Group group = Group.CLUSTER;
    add(group, "cluster-name", Kind.NAME, "default", "the cluster's name, a label of every pod");
    add(group, "cluster-id", Kind.NUMBER, "0", "the cluster's number, 0 to 255");
    add(
        group,
        "identity-allocation-mode",
        Kind.TEXT,
        "memory",
        "where identities are kept: memory, or what else is installed");
    add(group, "identity-options", Kind.TEXT, "", "that one's own options: KEY=VALUE;KEY=VALUE");
    add(
        group,
        "cluster-store",
        Kind.PATH,
        "",
        "folder that the cluster's agents and operators share; for identities: crd");
    add(
        group,
        "routing-mode",
        Kind.TEXT,
        "tunnel",
        "with a cluster-store, how pods of other nodes are reached: tunnel, or native by routes",
        "tunnel",
        "native");
    add(group, "tunnel-protocol", Kind.TEXT, "vxlan", "of the tunnels: vxlan", "vxlan");
    add(group, "tunnel-port", Kind.PORT, "0", "UDP port of the tunnels; 0 is 8472");
    add(
        group,
        "underlay-protocol",
        Kind.TEXT,
        "auto",
        "by which nodes reach each other's tunnels; auto is ipv4 where this node has such an"
            + " address",
        "auto",
        "ipv4",
        "ipv6");
    add(
        group,
        "auto-direct-node-routes",
        Kind.TRUTH,
        "false",
        "with routing-mode=native, route to other nodes, which must be neighbours");
    add(group, "kvstore", Kind.TEXT, "", "the key-value store", "");
  }

  private static void addresses() {
    Group group = Group.ADDRESSES;
    add(
        group,
        "ipam",
        Kind.TEXT,
        "cluster-pool",
        "where addresses come from: cluster-pool, kubernetes, static, or what else is installed");
    add(
        group,
        "ipam-options",
        Kind.TEXT,
        "",
        "that one's own options: KEY=VALUE;KEY=VALUE; static has the prefixes below in any case");
    add(group, "enable-ipv4", Kind.TRUTH, "true", "whether endpoints have IPv4 addresses");
    add(group, "enable-ipv6", Kind.TRUTH, "true", "whether endpoints have IPv6 addresses");
    add(
        group,
        "ipv4-range",
        Kind.PREFIX,
        "auto",
        "the endpoints' prefix, at most /30, in use by nothing else; auto is the operator's or"
            + " 10.0.0.0/24");
    add(
        group,
        "ipv6-range",
        Kind.PREFIX,
        "auto",
        "the endpoints' prefix, at most /126, in use by nothing else; auto is the operator's or"
            + " fd00:10::/112");
    add(
        group,
        "ipv4-node",
        Kind.TEXT,
        "auto",
        "where other nodes reach this one; auto: what the default route sends from");
    add(
        group,
        "ipv6-node",
        Kind.TEXT,
        "auto",
        "where other nodes reach this one; auto: what the default route sends from");
    add(
        group,
        "allow-lost-endpoints",
        Kind.TRUTH,
        "false",
        "start with prefixes that do not hold the addresses of earlier endpoints");
    add(
        group,
        "mtu",
        Kind.NUMBER,
        "0",
        "largest packet of the network between nodes, in bytes; 0 for the least of the node's"
            + " devices");
  }

  private static void policy() {
    Group group = Group.POLICY;
    add(
        group,
        "enable-policy",
        Kind.TEXT,
        "default",
        "when traffic is restricted: default, always, never",
        "default",
        "always",
        "never");
    add(
        group,
        "policy-audit-mode",
        Kind.TRUTH,
        "false",
        "report what would be dropped instead of dropping");
    add(
        group,
        "enable-l7-proxy",
        Kind.TRUTH,
        "true",
        "decide rules on requests by a proxy; without it they refuse everything");
  }

  private static void datapath() {
    Group group = Group.DATAPATH;
    add(group, "datapath", Kind.TEXT, "auto", "ebpf, memory, what else is installed, or auto");
    add(group, "datapath-mode", Kind.TEXT, "veth", "how pods are joined to the node", "veth");
    add(
        group,
        "kube-proxy-replacement",
        Kind.TRUTH_OR_AUTO,
        "auto",
        "those outside reach services here: node ports and such; auto: true where nft can be used");
    add(
        group,
        "cgroup-root",
        Kind.PATH,
        "",
        "the control group, of version 2, of all the node's processes; default: found");
    add(group, "devices", Kind.NAMES, "", "the external devices, as eth0,ens+; default: found");
    add(
        group,
        "enable-ipv4-masquerade",
        Kind.TRUTH_OR_AUTO,
        "auto",
        "pods reach the outside under the node's IPv4 address; auto: true where nft can be used");
    add(
        group,
        "enable-ipv6-masquerade",
        Kind.TRUTH_OR_AUTO,
        "auto",
        "pods reach the outside under the node's IPv6 address; auto: true where nft can be used");
    add(
        group,
        "ipv4-native-routing-cidr",
        Kind.PREFIX,
        "auto",
        "outside of the cluster, where pods keep their addresses as well; auto is nowhere");
    add(
        group,
        "ipv6-native-routing-cidr",
        Kind.PREFIX,
        "auto",
        "outside of the cluster, where pods keep their addresses as well; auto is nowhere");
    add(
        group,
        "service-no-backend-response",
        Kind.TEXT,
        "reject",
        "packets to services that cannot serve: reject (the sender is told), or drop",
        "reject",
        "drop");
    add(group, "bpf-policy-map-max", Kind.NUMBER, "262144", "policy entries of all endpoints");
    add(group, "bpf-ct-global-tcp-max", Kind.NUMBER, "131072", "flows remembered, each family");
  }

  private static void kubernetes() {
    Group group = Group.KUBERNETES;
    add(group, "node-name", Kind.TEXT, "", "this node's name; default K8S_NODE_NAME or the host's");
    add(group, "static-cnp-path", Kind.PATH, "", "a folder of manifests to follow: policies, pods");
    add(
        group,
        "kubernetes-source",
        Kind.TEXT,
        "",
        "another source of objects than a folder, by the name of what is installed");
    add(group, "kubernetes-options", Kind.TEXT, "", "that one's own options: KEY=VALUE;KEY=VALUE");
    add(
        group,
        "write-cni-conf-when-ready",
        Kind.PATH,
        "",
        "where to write the CNI configuration, such as /etc/cni/net.d/05-cilium.conflist");
    add(
        group,
        "cni-bin-dir",
        Kind.PATH,
        "",
        "the folder of CNI plugins, in which to write cilium-cni, such as /opt/cni/bin");
    add(group, "read-cni-conf", Kind.PATH, "", "a file that the CNI configuration is copied from");
    add(group, "cni-exclusive", Kind.TRUTH, "false", "set other CNI configurations aside");
    add(
        group,
        "cni-chaining-mode",
        Kind.TEXT,
        "none",
        "none; portmap after our plugin; or generic-veth: our plugin after those of another"
            + " network",
        "none",
        "portmap",
        "generic-veth");
    add(group, "cni-chaining-target", Kind.TEXT, "", "with generic-veth, the other network's name");
    add(
        group,
        "enable-k8s",
        Kind.TRUTH,
        "false",
        "ask the Kubernetes API as the pod's service account; each k8s-option below says so, too");
    add(
        group,
        "k8s-kubeconfig-path",
        Kind.PATH,
        "",
        "a kubeconfig that says where the Kubernetes API is and who we are");
    add(
        group,
        "k8s-api-server-urls",
        Kind.TEXT,
        "",
        "where the Kubernetes API is, with commas between; default what the kubeconfig or pod"
            + " says");
    add(group, "k8s-api-server", Kind.TEXT, "", "the same, an earlier name");
    add(group, "k8s-client-qps", Kind.TEXT, "10", "most requests a second to the Kubernetes API");
    add(group, "k8s-client-burst", Kind.TEXT, "20", "most of them at once after a pause");
    add(group, "k8s-namespace", Kind.TEXT, "", "the agent's own namespace; default its account's");
  }

  private static void health() {
    Group group = Group.HEALTH;
    add(
        group,
        "enable-health-checking",
        Kind.TRUTH,
        "true",
        "probe the cluster's nodes, and answer their probes");
    add(group, "cluster-health-port", Kind.NUMBER, "4240", "the TCP port of every node for probes");
    add(
        group,
        "connectivity-probe-frequency-ratio",
        Kind.RATIO,
        "0.5",
        "0 to probe often, 1 to probe rarely");
    add(
        group,
        "agent-health-port",
        Kind.PORT,
        "0",
        "the TCP port on 127.0.0.1 for a kubelet's probes, such as 9879; 0 for none");
    add(
        group,
        "health-socket-path",
        Kind.PATH,
        "",
        "the health API's UNIX socket; default health.sock beside the API's");
  }

  private static void reports() {
    Group group = Group.REPORTS;
    add(group, "log-format", Kind.TEXT, "text", "text or json, a line each", "text", "json");
    add(
        group,
        "log-level",
        Kind.TEXT,
        "info",
        "error, warn, info, debug or trace",
        "error",
        "warn",
        "info",
        "debug",
        "trace");
    add(
        group,
        "flow-sink",
        Kind.TEXT,
        "",
        "where flows go, too: log, file, or what else is installed");
    add(
        group,
        "flow-sink-options",
        Kind.TEXT,
        "",
        "that one's own options: KEY=VALUE;KEY=VALUE; path of file");
    add(group, "prometheus-serve-addr", Kind.ADDRESS, "", "where to serve metrics, such as :9962");
    add(
        group,
        "monitor-socket",
        Kind.PATH,
        "/var/run/cilium/monitor1_2.sock",
        "the UNIX socket that sends flows and drops to Cilium's clients");
    add(
        group,
        "monitor-json-socket",
        Kind.PATH,
        "",
        "the UNIX socket that sends them as JSON; default monitor-json.sock beside that one");
    add(group, "monitor-queue-size", Kind.NUMBER, "4096", "events kept for a slow reader");
  }

  /** Switches of Cilium that are all off. */
  private static void later() {
    for (String key :
        List.of(
            "enable-bandwidth-manager",
            "enable-bgp-control-plane",
            "enable-bpf-masquerade",
            "enable-cilium-endpoint-slice",
            "enable-clustermesh-api-server",
            "enable-egress-gateway",
            "enable-encryption-strict-mode",
            "enable-endpoint-health-checking",
            "enable-endpoint-routes",
            "enable-envoy-config",
            "enable-external-ips",
            "enable-gateway-api",
            "enable-host-firewall",
            "enable-host-port",
            "enable-ingress-controller",
            "enable-ip-masq-agent",
            "enable-ipsec",
            "enable-ipv4-big-tcp",
            "enable-ipv6-big-tcp",
            "enable-l2-announcements",
            "enable-local-redirect-policy",
            "enable-node-port",
            "enable-recorder",
            "enable-session-affinity",
            "enable-srv6",
            "enable-vtep",
            "enable-wireguard",
            "enable-xdp-prefilter",
            "mesh-auth-enabled")) {
      add(Group.LATER, key, Kind.TRUTH, "false", "", "false");
    }
  }

  /** The help, by group. */
  static String help() {
    var text =
        new StringBuilder(
            """
            cilium agent [--config-dir DIR | --config FILE] [--KEY VALUE]…

            Runs the agent of this node until it is told to end (SIGTERM); what it enforces stays.
            Each option is a flag --KEY, a variable CILIUM_KEY and a file KEY of a configuration
            folder; a flag goes before a variable, and that before a file.
            """);
    for (Group group : Group.values()) {
      text.append('\n').append(group.title()).append(":\n");
      List<String> names = new ArrayList<>();
      for (DaemonOption option : all()) {
        if (option.group() == group && group == Group.LATER) {
          names.add(option.key());
        } else if (option.group() == group) {
          String value = option.byDefault().isEmpty() ? "" : " (" + option.byDefault() + ")";
          text.append("  --%-28s %s%s%n".formatted(option.key(), option.summary(), value));
        }
      }
      names.forEach(name -> text.append("  --").append(name).append('\n'));
    }
    return text.toString();
  }
}
