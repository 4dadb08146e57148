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
    DnsOptions.addTo(DaemonOptions::add);
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
    add(group, "config-dir", Kind.PATH, "", "folder of option files, one file per option");
    add(
        group,
        "instance",
        Kind.INSTANCE,
        "cilium4j",
        "name that tells this agent from others on the machine");
    add(
        group,
        "state-dir",
        Kind.PATH,
        "",
        "folder for state that outlives the agent; default /run/INSTANCE");
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
        "identity store: memory, crd, or any other that is installed");
    add(
        group,
        "identity-options",
        Kind.TEXT,
        "",
        "options of the identity store: KEY=VALUE;KEY=VALUE");
    LabelOptions.addTo(DaemonOptions::add);
    add(
        group,
        "cluster-store",
        Kind.PATH,
        "",
        "folder that all agents and operators of the cluster share; needed for identity store crd");
    add(
        group,
        "routing-mode",
        Kind.TEXT,
        "tunnel",
        "how to reach pods on other nodes, with a cluster-store: tunnel or native (routes)",
        "tunnel",
        "native");
    add(group, "tunnel-protocol", Kind.TEXT, "vxlan", "tunnel protocol: vxlan", "vxlan");
    add(group, "tunnel-port", Kind.PORT, "0", "UDP port of the tunnels; 0 is 8472");
    add(
        group,
        "underlay-protocol",
        Kind.TEXT,
        "auto",
        "address family of the tunnels; auto is ipv4 if this node has an IPv4" + " address",
        "auto",
        "ipv4",
        "ipv6");
    add(
        group,
        "auto-direct-node-routes",
        Kind.TRUTH,
        "false",
        "with routing-mode=native, install routes to other nodes; they must be on the same link");
    add(group, "kvstore", Kind.TEXT, "", "the key-value store", "");
  }

  private static void addresses() {
    Group group = Group.ADDRESSES;
    add(
        group,
        "ipam",
        Kind.TEXT,
        "cluster-pool",
        "address management mode: cluster-pool, kubernetes, multi-pool, static, or any other that"
            + " is installed");
    add(
        group,
        "ipam-default-ip-pool",
        Kind.TEXT,
        "default",
        "pool of pods that name none, with ipam=multi-pool");
    add(
        group,
        "ipam-multi-pool-pre-allocation",
        Kind.TEXT,
        "default=8",
        "addresses that are asked for before pods need them: POOL=NUMBER,POOL=NUMBER");
    add(
        group,
        "ipam-options",
        Kind.TEXT,
        "",
        "options of the mode: KEY=VALUE;KEY=VALUE; mode static always uses the prefixes below");
    add(group, "enable-ipv4", Kind.TRUTH, "true", "give endpoints IPv4 addresses");
    add(group, "enable-ipv6", Kind.TRUTH, "true", "give endpoints IPv6 addresses");
    add(
        group,
        "ipv4-range",
        Kind.PREFIX,
        "auto",
        "prefix for endpoints, at most /30, used by nothing else; auto is the operator's or"
            + " 10.0.0.0/24");
    add(
        group,
        "ipv6-range",
        Kind.PREFIX,
        "auto",
        "prefix for endpoints, at most /126, used by nothing else; auto is the operator's or"
            + " fd00:10::/112");
    add(
        group,
        "ipv4-node",
        Kind.TEXT,
        "auto",
        "address at which other nodes reach this one; auto is the source address of the default"
            + " route");
    add(
        group,
        "ipv6-node",
        Kind.TEXT,
        "auto",
        "address at which other nodes reach this one; auto is the source address of the default"
            + " route");
    add(
        group,
        "allow-lost-endpoints",
        Kind.TRUTH,
        "false",
        "start even if the prefixes do not contain the addresses of earlier endpoints");
    add(
        group,
        "mtu",
        Kind.NUMBER,
        "0",
        "largest packet between nodes, in bytes; 0 for the smallest MTU of the node's"
            + " devices");
  }

  private static void policy() {
    Group group = Group.POLICY;
    add(
        group,
        "enable-policy",
        Kind.TEXT,
        "default",
        "when to restrict traffic: default, always, never",
        "default",
        "always",
        "never");
    add(
        group,
        "policy-audit-mode",
        Kind.TRUTH,
        "false",
        "report packets that policy denies instead of dropping them");
    add(
        group,
        "enable-l7-proxy",
        Kind.TRUTH,
        "true",
        "enforce rules on requests with a proxy; without it such rules deny everything");
  }

  private static void datapath() {
    Group group = Group.DATAPATH;
    add(
        group,
        "datapath",
        Kind.TEXT,
        "auto",
        "datapath: ebpf, memory, any other that is installed, or auto");
    add(group, "datapath-mode", Kind.TEXT, "veth", "how to connect pods to the node", "veth");
    add(
        group,
        "kube-proxy-replacement",
        Kind.TRUTH_OR_AUTO,
        "auto",
        "serve node ports, external IPs and load balancers; auto: true if nft is usable");
    LoadBalancerOptions.addTo(DaemonOptions::add);
    add(
        group,
        "cgroup-root",
        Kind.PATH,
        "",
        "cgroup v2 that contains all processes of the node; default: detected");
    add(group, "devices", Kind.NAMES, "", "external devices, such as eth0,ens+; default: detected");
    add(
        group,
        "enable-ipv4-masquerade",
        Kind.TRUTH_OR_AUTO,
        "auto",
        "masquerade IPv4 traffic of pods to the outside; auto: true if nft is usable");
    add(
        group,
        "enable-ipv6-masquerade",
        Kind.TRUTH_OR_AUTO,
        "auto",
        "masquerade IPv6 traffic of pods to the outside; auto: true if nft is usable");
    add(
        group,
        "ipv4-native-routing-cidr",
        Kind.PREFIX,
        "auto",
        "destinations outside the cluster that are not masqueraded; auto is none");
    add(
        group,
        "ipv6-native-routing-cidr",
        Kind.PREFIX,
        "auto",
        "destinations outside the cluster that are not masqueraded; auto is none");
    add(
        group,
        "enable-ip-masq-agent",
        Kind.TRUTH,
        "false",
        "exclude the destinations of ip-masq-agent-config-path from masquerading");
    add(
        group,
        "ip-masq-agent-config-path",
        Kind.PATH,
        "/etc/config/ip-masq-agent",
        "configuration of the ip-masq-agent, YAML or JSON; changes take effect within a second");
    add(
        group,
        "enable-local-redirect-policy",
        Kind.TRUTH,
        "false",
        "have pods of the node answer as CiliumLocalRedirectPolicies say");
    add(
        group,
        "disable-external-ip-mitigation",
        Kind.TRUTH,
        "false",
        "lead pods and processes of nodes by externalIPs of services, too, and allow them to be nodes'"
            + " addresses (CVE-2020-8554)");
    add(
        group,
        "enable-service-topology",
        Kind.TRUTH,
        "false",
        "lead clients to the endpoints that slices mean for their zone or node"
            + " (trafficDistribution)");
    add(
        group,
        "enable-host-firewall",
        Kind.TRUTH,
        "false",
        "have policies with a nodeSelector restrict the node itself; ebpf only, Linux 5.18");
    add(
        group,
        "enable-xdp-prefilter",
        Kind.TRUTH,
        "false",
        "drop packets of listed prefixes at external devices: cilium prefilter; ebpf only");
    add(
        group,
        "service-no-backend-response",
        Kind.TEXT,
        "reject",
        "for packets to services without backends: reject (tell the sender) or drop",
        "reject",
        "drop");
    add(
        group,
        "bpf-policy-map-max",
        Kind.NUMBER,
        "262144",
        "largest number of policy entries, all endpoints together");
    add(
        group,
        "bpf-ct-global-tcp-max",
        Kind.NUMBER,
        "131072",
        "largest number of tracked flows per address family");
  }

  private static void kubernetes() {
    Group group = Group.KUBERNETES;
    add(group, "node-name", Kind.TEXT, "", "this node's name; default K8S_NODE_NAME or the host's");
    add(group, "static-cnp-path", Kind.PATH, "", "folder of manifests to watch: policies, pods");
    add(group, "kubernetes-source", Kind.TEXT, "", "name of another source of Kubernetes objects");
    add(group, "kubernetes-options", Kind.TEXT, "", "options of that source: KEY=VALUE;KEY=VALUE");
    CniOptions.addTo(DaemonOptions::add);
    KubernetesOptions.addTo(DaemonOptions::add);
  }

  private static void health() {
    Group group = Group.HEALTH;
    add(
        group,
        "enable-health-checking",
        Kind.TRUTH,
        "true",
        "probe the nodes of the cluster and answer their probes");
    add(
        group,
        "enable-endpoint-health-checking",
        Kind.TRUTH,
        "false",
        "probe an endpoint of each node as well; not built: told, and the nodes alone are probed");
    add(
        group,
        "cluster-health-port",
        Kind.NUMBER,
        "4240",
        "TCP port for probes, the same on every node");
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
        "TCP port on 127.0.0.1 for the kubelet's probes, such as 9879; 0 for none");
    add(
        group,
        "health-socket-path",
        Kind.PATH,
        "",
        "the health API's UNIX socket; default health.sock beside the API's");
  }

  private static void reports() {
    Group group = Group.REPORTS;
    TracingOptions.addTo(DaemonOptions::add);
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
        "additional sink for flows: log, file, or any other that is installed");
    add(
        group,
        "flow-sink-options",
        Kind.TEXT,
        "",
        "options of the sink: KEY=VALUE;KEY=VALUE; sink file needs path");
    add(group, "prometheus-serve-addr", Kind.ADDRESS, "", "address for metrics, such as :9962");
    add(
        group,
        "monitor-socket",
        Kind.PATH,
        "/var/run/cilium/monitor1_2.sock",
        "UNIX socket that sends flows and drops to clients of Cilium's monitor");
    add(
        group,
        "monitor-json-socket",
        Kind.PATH,
        "",
        "UNIX socket that sends them as JSON; default: monitor-json.sock in the same folder");
    add(
        group,
        "monitor-queue-size",
        Kind.NUMBER,
        "4096",
        "number of events kept for a slow reader");
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
            "enable-endpoint-routes",
            "enable-envoy-config",
            "enable-gateway-api",
            "enable-ingress-controller",
            "enable-ipsec",
            "enable-ipv4-big-tcp",
            "enable-ipv6-big-tcp",
            "enable-l2-announcements",
            "enable-srv6",
            "enable-vtep",
            "enable-wireguard",
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
