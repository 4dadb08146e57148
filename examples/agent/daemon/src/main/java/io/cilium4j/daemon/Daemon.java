// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentBuilder;
import io.cilium4j.agent.AgentEvent;
import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.cluster.HealthConfig;
import io.cilium4j.agent.rest.RestConfig;
import io.cilium4j.agent.rest.RestServer;
import io.cilium4j.cni.CniFiles;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.daemon.ClusterMember.Given;
import io.cilium4j.ipam.PodPrefixes;
import io.cilium4j.k8s.api.ApiSourceProvider;
import io.cilium4j.policy.EnforcementMode;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An agent with what is served around it: the API, the monitor and the metrics. Each part closes
 * before those that it uses; what the datapath enforces stays.
 */
final class Daemon implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);

  /** Most events that are kept for each slow reader: of half a kilobyte each. */
  private static final int MAX_QUEUE = 1 << 17;

  /** Long enough to read what a cluster has, so that an agent that is served does not look idle. */
  private static final Duration SHORT_WAIT = Duration.ofSeconds(2);

  /** The modes in which somebody else gives the node its pod CIDRs. */
  private static final Set<String> FOR_CLUSTERS = Set.of("cluster-pool", "kubernetes");

  private static final String AUTO = "auto";
  private static final String AUTO_IPV4 = "10.0.0.0/24";
  private static final String AUTO_IPV6 = "fd00:10::/112";

  /** What was started, the last first. */
  private final Deque<AutoCloseable> parts = new ArrayDeque<>();

  private Runnable ifFailed = () -> {};
  private final CountDownLatch end = new CountDownLatch(1);

  private Daemon() {}

  /**
   * Starts everything; nothing half started is left when it fails.
   *
   * @param present reads the options' values as they are now
   * @throws AgentException if the agent cannot start
   * @throws IOException if a socket cannot be made
   */
  static Daemon start(DaemonSettings settings, Supplier<Map<String, String>> present)
      throws IOException {
    settings.unknown().forEach(line -> LOG.warn("option without effect {}", line));
    var daemon = new Daemon();
    try {
      daemon.startParts(settings, present);
    } catch (IOException | RuntimeException e) {
      daemon.close();
      daemon.ifFailed.run();
      throw e;
    }
    return daemon;
  }

  /** As above, with options that do not change. */
  static Daemon start(DaemonSettings settings) throws IOException {
    return start(settings, settings::values);
  }

  private void startParts(DaemonSettings settings, Supplier<Map<String, String>> present)
      throws IOException {
    long begin = System.nanoTime();
    CniFiles cni = CniOptions.read(settings);
    Optional<ProbeServer> probes = Optional.empty();
    if (settings.number("agent-health-port") > 0) {
      probes = Optional.of(ProbeServer.start(settings.number("agent-health-port")));
      parts.addFirst(probes.get());
    }
    Optional<ClusterMember> member = join(settings);
    member.ifPresent(parts::addFirst);
    Agent agent = agent(settings, member, given(settings, member));
    boolean isFirst = !agent.hasState();
    agent.start();
    // What else fails: of a first start nothing is left, what was there before goes on.
    ifFailed = isFirst ? agent::destroy : agent::stop;
    parts.addFirst(agent);
    member.ifPresent(each ->
        each.publish(
            agent.endpoints(),
            endpoint -> EndpointFacts.of(agent, endpoint),
            routers(agent),
            agent.source().map(KubernetesSource::nodes)));
    member.ifPresent(each ->
        agent.poolClaims().ifPresent(claims -> each.followPools(claims, agent::podPoolsChanged)));
    var monitors =
        Monitors.start(
            settings.path("monitor-socket"),
            settings.text("monitor-json-socket").isEmpty()
                ? settings.path("monitor-socket").resolveSibling("monitor-json.sock")
                : settings.path("monitor-json-socket"),
            agent,
            queueSize(settings));
    parts.addFirst(monitors);
    if (!settings.text("prometheus-serve-addr").isEmpty()) {
      parts.addFirst(
          MetricsServer.start(settings.address("prometheus-serve-addr"), agent.metrics()));
    }
    if (agent.nodeHealth().isPresent()) {
      parts.addFirst(RestServer.startHealth(agent, RestConfig.at(healthSocket(settings))));
    }
    // Before the other, which holds the lock of the deletions: who waits for that may ask then.
    parts.addFirst(
        RestServer.startCni(
            agent, RestConfig.at(settings.path("socket-path").resolveSibling("cni.sock"))));
    // Last: whoever finds the socket finds an agent that works.
    parts.addFirst(RestServer.start(agent, RestConfig.at(settings.path("socket-path"))));
    if (cni.isAny()) {
      parts.addFirst(CniKeeper.start(cni, agent.facts().stateFolder()));
    }
    if (!settings.text("config-dir").isEmpty()) {
      var watch = ConfigWatch.start(settings.values(), present);
      parts.addFirst(watch);
      parts.addFirst(agent.metrics().add(watch::metrics));
    }
    probes.ifPresent(ProbeServer::ready);
    member.ifPresent(ClusterMember::tellReady);
    monitors.tell(new AgentEvent.Started(agent.facts().startedAt()));
    LOG.info(
        "agent ready instance={} datapath=\"{}\" after={}ms",
        settings.text("instance"),
        agent.datapathDescription(),
        (System.nanoTime() - begin) / 1_000_000);
    // Pods wait for nothing that only watches.
    if (settings.isOn("enable-hubble")) {
      parts.addFirst(HubbleServers.start(settings, agent));
    }
  }

  /** The cluster that the options name, if they name one. */
  private static Optional<ClusterMember> join(DaemonSettings settings) {
    Optional<Map<String, String>> kubernetes = KubernetesOptions.read(settings);
    boolean hasKubernetesCidrs = settings.text("ipam").equals("kubernetes");
    if (hasKubernetesCidrs && kubernetes.isEmpty()) {
      throw new OptionException(
          "ipam: kubernetes: wanted the options of the Kubernetes API (k8s-…)");
    }
    boolean hasPools = PoolOptions.areUsed(settings);
    if (kubernetes.isEmpty() && settings.text("cluster-store").isEmpty()) {
      if (hasPools) {
        throw new OptionException(
            "ipam: multi-pool: wanted a cluster: the options of the Kubernetes API (k8s-…), or"
                + " cluster-store");
      }
      return Optional.empty();
    }
    var joining =
        new ClusterMember.Joining(
            nodeName(settings),
            NodeAddressOptions.read(settings),
            families(settings),
            !hasPools && areCidrsGiven(settings) ? podCidrs(settings) : List.of(),
            hasKubernetesCidrs,
            hasPools
                ? Optional.of(PoolOptions.read(settings, families(settings)))
                : Optional.empty(),
            hasPools ? Agent.keptPodPools(stateFolder(settings)) : Map.of());
    return Optional.of(
        kubernetes
            .map(options -> ClusterMember.joinKubernetes(options, joining))
            .orElseGet(() -> ClusterMember.join(settings.text("cluster-store"), joining)));
  }

  /** Whether options say the pod CIDRs, and nobody else. */
  private static boolean areCidrsGiven(DaemonSettings settings) {
    return !FOR_CLUSTERS.contains(settings.text("ipam"))
        || Stream.of("ipv4-range", "ipv6-range").anyMatch(key -> !settings.text(key).equals(AUTO));
  }

  /** Those that the options name, or else the operator, who is waited for. */
  private static Given given(DaemonSettings settings, Optional<ClusterMember> member)
      throws IOException {
    if (member.isEmpty() || (!PoolOptions.areUsed(settings) && areCidrsGiven(settings))) {
      return Given.of(podCidrs(settings));
    }
    try {
      Optional<Given> known = member.get().given(SHORT_WAIT);
      return known.isPresent() ? known.get() : awaitGiven(settings, member.get());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("stopped while it waited for a pod CIDR", e);
    }
  }

  private static Given awaitGiven(DaemonSettings settings, ClusterMember member)
      throws IOException, InterruptedException {
    LOG.info("agent waits reason=\"{}\"", member.waiting());
    try (var _ =
        RestServer.startWaiting(member::waiting, RestConfig.at(settings.path("socket-path")))) {
      return member.awaitGiven();
    }
  }

  /** The node's own addresses in the pods' network. */
  private static List<IpAddress> routers(Agent agent) {
    return Stream.of(IpFamily.values())
        .flatMap(family -> agent.addresses().router(family).stream())
        .toList();
  }

  private static int queueSize(DaemonSettings settings) {
    int size = settings.number("monitor-queue-size");
    if (size < 1 || size > MAX_QUEUE) {
      throw new OptionException("monitor-queue-size: " + size + ": wanted 1 to " + MAX_QUEUE);
    }
    return size;
  }

  /** The implementations that the options name. */
  private static void chooseSeams(AgentBuilder<Agent> builder, DaemonSettings settings) {
    Map<String, String> ipam = new TreeMap<>(settings.pairs("ipam-options"));
    if (settings.text("ipam").equals("static")) {
      ipam.putIfAbsent(
          "cidrs",
          podCidrs(settings).stream().map(IpPrefix::toString).collect(Collectors.joining(",")));
    }
    if (PoolOptions.areUsed(settings)) {
      ipam.putAll(PoolOptions.read(settings, families(settings)).ofMode());
    }
    builder
        .ipam(settings.text("ipam"), ipam)
        .identityBackend(
            settings.text("identity-allocation-mode"), settings.pairs("identity-options"));
    if (!settings.text("flow-sink").isEmpty()) {
      builder.flowSink(settings.text("flow-sink"), settings.pairs("flow-sink-options"));
    }
    if (!settings.text("kubernetes-source").isEmpty()) {
      if (!settings.text("static-cnp-path").isEmpty()) {
        throw new OptionException("kubernetes-source: not beside static-cnp-path");
      }
      builder.source(settings.text("kubernetes-source"), settings.pairs("kubernetes-options"));
    }
    KubernetesOptions.read(settings)
        .ifPresent(options -> {
          Map<String, String> all = new TreeMap<>(options);
          all.put(ApiSourceProvider.NODE, nodeName(settings));
          all.put(ApiSourceProvider.CILIUM_NODES, "false"); // The member's store has them.
          builder.source(ApiSourceProvider.NAME, all);
        });
  }

  /** The agent that the options ask for, to be removed and not to be started. */
  static Agent agent(DaemonSettings settings) {
    return agent(settings, Optional.empty(), removed(settings));
  }

  private static Given removed(DaemonSettings settings) {
    return PoolOptions.areUsed(settings)
        ? new Given(
            List.of(),
            Map.of(settings.text("ipam-default-ip-pool"), NodePool.of(podCidrs(settings))))
        : Given.of(podCidrs(settings));
  }

  private static Agent agent(DaemonSettings settings, Optional<ClusterMember> member, Given given) {
    AgentBuilder<Agent> builder =
        Agent.builder()
            .instance(settings.text("instance"))
            .datapath(settings.text("datapath"))
            .nodeName(nodeName(settings))
            .clusterName(settings.text("cluster-name"))
            .clusterId(settings.number("cluster-id"))
            .mtuBytes(settings.number("mtu"))
            .flowsKept(settings.number("hubble-event-buffer-capacity"))
            .tracing(TracingOptions.read(settings))
            .enforcement(
                EnforcementMode.valueOf(settings.text("enable-policy").toUpperCase(Locale.ROOT)))
            .audit(settings.isOn("policy-audit-mode"))
            .l7Proxy(settings.isOn("enable-l7-proxy"))
            .localRedirects(settings.isOn("enable-local-redirect-policy"))
            .externalIpMitigation(!settings.isOn("disable-external-ip-mitigation"))
            .serviceTopology(settings.isOn("enable-service-topology"))
            .loadBalancing(LoadBalancerOptions.read(settings))
            .redaction(HubbleOptions.redaction(settings))
            .dns(DnsOptions.read(settings))
            .prefilter(settings.isOn("enable-xdp-prefilter"))
            .hostFirewall(settings.isOn("enable-host-firewall"))
            .noBackendResponse(
                NoBackendResponse.valueOf(
                    settings.text("service-no-backend-response").toUpperCase(Locale.ROOT)))
            .allowLostEndpoints(settings.isOn("allow-lost-endpoints"))
            .podCidrs(given.podCidrs().toArray(IpPrefix[]::new))
            .podPools(given.pools())
            .devices(settings.names("devices").toArray(String[]::new))
            .limits(
                new Limits(
                    settings.number("bpf-policy-map-max"),
                    Limits.DEFAULT.ipcacheEntries(),
                    settings.number("bpf-ct-global-tcp-max")));
    member.ifPresent(each ->
        builder
            .clusterStore(each.store())
            .routing(RoutingOptions.read(settings, each.addresses())));
    chooseSeams(builder, settings);
    LabelOptions.choose(builder, settings);
    MasqueradeOptions.choose(builder, settings);
    if (!settings.text("kube-proxy-replacement").equals("auto")) {
      builder.externalServices(settings.isOn("kube-proxy-replacement"));
    }
    if (!settings.text("cgroup-root").isEmpty()) {
      builder.cgroupRoot(settings.path("cgroup-root"));
    }
    if (settings.isOn("enable-health-checking")) {
      builder.nodeHealth(health(settings));
    }
    builder.stateFolder(stateFolder(settings));
    if (!settings.text("static-cnp-path").isEmpty()) {
      Path manifests = settings.path("static-cnp-path");
      // One that may not be looked into is neither missing nor a file: the source tells of it.
      if (Files.notExists(manifests) || Files.isRegularFile(manifests)) {
        throw new OptionException("static-cnp-path: " + manifests + ": no such folder");
      }
      builder.manifests(manifests);
    }
    try {
      return builder.build();
    } catch (IllegalArgumentException e) {
      // The library's own check; its message says which value it is about.
      throw new OptionException(String.valueOf(e.getMessage()));
    }
  }

  /** The ratio leads from 10 s to 110 s, as the field has it. */
  private static HealthConfig health(DaemonSettings settings) {
    double seconds =
        10 + 100 * Double.parseDouble(settings.text("connectivity-probe-frequency-ratio"));
    try {
      return new HealthConfig(
          settings.number("cluster-health-port"),
          Duration.ofMillis((long) (1000 * seconds)),
          HealthConfig.DEFAULT.timeout());
    } catch (IllegalArgumentException e) {
      throw new OptionException("cluster-health-port: " + e.getMessage());
    }
  }

  private static Path healthSocket(DaemonSettings settings) {
    return settings.text("health-socket-path").isEmpty()
        ? settings.path("socket-path").resolveSibling("health.sock")
        : settings.path("health-socket-path");
  }

  private static List<IpPrefix> podCidrs(DaemonSettings settings) {
    return families(settings).stream()
        .map(family ->
            family == IpFamily.IPV4
                ? prefix(settings, "ipv4-range", AUTO_IPV4)
                : prefix(settings, "ipv6-range", AUTO_IPV6))
        .toList();
  }

  /** The families that pods are to have addresses of. */
  private static Set<IpFamily> families(DaemonSettings settings) {
    Set<IpFamily> families = EnumSet.noneOf(IpFamily.class);
    if (settings.isOn("enable-ipv4")) {
      families.add(IpFamily.IPV4);
    }
    if (settings.isOn("enable-ipv6")) {
      families.add(IpFamily.IPV6);
    }
    if (families.isEmpty()) {
      throw new OptionException("enable-ipv4: false, and enable-ipv6 as well: wanted one of them");
    }
    return families;
  }

  private static IpPrefix prefix(DaemonSettings settings, String key, String auto) {
    String text = settings.text(key);
    try {
      IpPrefix prefix = PodPrefixes.parse(text.equals(AUTO) ? auto : text);
      PodPrefixes.require(prefix);
      if (prefix.address().isV4() != key.equals("ipv4-range")) {
        throw new OptionException(key + ": " + text + ": of the other address family");
      }
      return prefix;
    } catch (IllegalArgumentException e) {
      throw new OptionException(key + ": " + e.getMessage());
    }
  }

  private static Path stateFolder(DaemonSettings settings) {
    return settings.text("state-dir").isEmpty()
        ? Path.of("/run", settings.text("instance"))
        : settings.path("state-dir");
  }

  private static String nodeName(DaemonSettings settings) {
    String given = settings.text("node-name");
    if (!given.isEmpty()) {
      return given;
    }
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      throw new OptionException("node-name: not given, and this machine has no name");
    }
  }

  /** Waits until it is closed. */
  void awaitEnd() throws InterruptedException {
    end.await();
  }

  @Override
  public void close() {
    boolean wasStarted = !parts.isEmpty();
    for (AutoCloseable part = parts.pollFirst(); part != null; part = parts.pollFirst()) {
      try {
        part.close();
      } catch (Exception e) {
        LOG.warn("end of {} error=\"{}\"", part.getClass().getSimpleName(), e.toString());
      }
    }
    if (wasStarted) {
      LOG.info("agent ended; what it enforces stays");
    }
    end.countDown();
  }
}
