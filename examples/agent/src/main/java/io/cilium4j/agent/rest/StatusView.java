// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.ControllerState;
import io.cilium4j.agent.LoadBalancing;
import io.cilium4j.agent.NodeFacts;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.api.model.BandwidthManager;
import io.cilium4j.api.model.CNIChainingStatus;
import io.cilium4j.api.model.ClockSource;
import io.cilium4j.api.model.ClusterStatus;
import io.cilium4j.api.model.ControllerStatus;
import io.cilium4j.api.model.EncryptionStatus;
import io.cilium4j.api.model.HostFirewall;
import io.cilium4j.api.model.HostRouting;
import io.cilium4j.api.model.HubbleStatus;
import io.cilium4j.api.model.IPAMStatus;
import io.cilium4j.api.model.IPV4BigTCP;
import io.cilium4j.api.model.IPV6BigTCP;
import io.cilium4j.api.model.IdentityRange;
import io.cilium4j.api.model.K8sStatus;
import io.cilium4j.api.model.KubeProxyReplacement;
import io.cilium4j.api.model.KubeProxyReplacement.Features;
import io.cilium4j.api.model.Masquerading;
import io.cilium4j.api.model.Srv6;
import io.cilium4j.api.model.Status;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.policy.controller.PolicyProgress;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The agent's health as the API shows it. What the agent does not do is {@code Disabled}, so that
 * nobody takes silence for success.
 */
final class StatusView {

  private static final String OK = "Ok";
  private static final String WARNING = "Warning";
  private static final String DISABLED = "Disabled";

  /** Most problems that are told one by one: some 300 KB. */
  private static final int MAX_PROBLEMS = 1_000;

  /** Bits of the cluster's id above a cluster-wide identity. */
  private static final int CLUSTER_SHIFT = 16;

  /**
   * Every part of kube-proxy's work by name, since clients look at each without asking for it. What
   * there is are services' own addresses, and what belongs to them.
   */
  private static KubeProxyReplacement kubeProxyReplacement(Agent agent) {
    boolean hasServices = agent.services().areCarriedOut();
    boolean hasSockets = agent.services().areForNodeProcesses();
    boolean hasNodePorts = hasServices && agent.servesExternalClients();
    var features =
        new Features(
            nodePort(hasNodePorts, agent.loadBalancing()),
            new Features.HostPort(hasNodePorts),
            new Features.ExternalIPs(hasNodePorts),
            new Features.HostReachableServices(
                hasSockets, hasSockets ? List.of("TCP", "UDP") : List.of()),
            new Features.SocketLB(hasSockets),
            new Features.SessionAffinity(hasServices),
            new Features.GracefulTermination(hasServices),
            new Features.Nat46X64(
                false,
                new Features.Nat46X64.Service(false),
                new Features.Nat46X64.Gateway(false, List.of())),
            new Features.SocketLBTracing(false),
            false);
    return KubeProxyReplacement.builder()
        .mode(hasSockets && hasNodePorts ? "True" : "False")
        .features(features)
        .build();
  }

  /** Kubernetes' own range; a port outside of it is served as well. */
  private static Features.NodePort nodePort(boolean on, LoadBalancing balancing) {
    boolean isMaglev = balancing.algorithm() == LoadBalancerAlgorithm.MAGLEV;
    return on
        ? new Features.NodePort(
            true,
            "SNAT",
            "",
            isMaglev ? "Maglev" : "Random",
            "None",
            30_000,
            32_767,
            isMaglev ? balancing.maglev().tableSize() : 0)
        : new Features.NodePort(false, "", "", "", "", 0, 0, 0);
  }

  private StatusView() {}

  /** Enough for a probe: whether all is well. */
  static StatusResponse brief(Agent agent) {
    return StatusResponse.builder().cilium(cilium(agent)).kubernetes(kubernetes(agent)).build();
  }

  private static HubbleStatus hubble(Agent agent) {
    FlowLog flows = agent.flowLog();
    if (!flows.isServed()) {
      return new HubbleStatus(DISABLED, "", null, null);
    }
    long seen = flows.reported();
    Duration up = Duration.between(agent.facts().startedAt(), Instant.now());
    return new HubbleStatus(
        OK,
        "",
        new HubbleStatus.Observer(
            flows.capacity(), Math.min(seen, flows.capacity()), seen, up.toSeconds() + "s"),
        new HubbleStatus.Metrics(DISABLED));
  }

  /** Of an agent that is not there yet. */
  static StatusResponse waiting(String why) {
    String version = Agent.version().orElse("");
    return StatusResponse.builder()
        .cilium(new Status(WARNING, (version + " " + why).strip()))
        .build();
  }

  static StatusResponse of(Agent agent) {
    NodeFacts facts = agent.facts();
    long firstIdentity = ((long) facts.clusterId() << CLUSTER_SHIFT) | Identity.MIN_CLUSTER_WIDE;
    long lastIdentity = ((long) facts.clusterId() << CLUSTER_SHIFT) | Identity.MAX_CLUSTER_WIDE;
    return StatusResponse.builder()
        .cilium(cilium(agent))
        .kvstore(new Status(DISABLED, "no key-value store is configured"))
        .containerRuntime(new Status(DISABLED, "none is watched"))
        .hostFirewall(
            new HostFirewall(agent.hostEndpoint().isPresent() ? "Enabled" : DISABLED, List.of()))
        .hubble(hubble(agent))
        .kubernetes(kubernetes(agent))
        .kubeProxyReplacement(kubeProxyReplacement(agent))
        .ipam(ipam(agent.addresses()))
        .proxy(ProxyView.of(agent))
        .cluster(
            new ClusterStatus(
                nodeHealth(agent),
                NodeView.name(facts, facts.nodeName()),
                List.copyOf(NodeView.nodes(agent).values())))
        .controllers(controllers(agent))
        .identityRange(new IdentityRange(firstIdentity, lastIdentity))
        .ipv4BigTcp(new IPV4BigTCP(false, 0, 0))
        .ipv6BigTcp(new IPV6BigTCP(false, 0, 0))
        .bandwidthManager(new BandwidthManager(false, List.of(), ""))
        .masquerading(masquerading(agent))
        .hostRouting(
            new HostRouting(
                agent.datapathCapabilities().contains(Capability.BYPASSES_NODE_STACK)
                    ? "BPF"
                    : "Legacy"))
        .clockSource(new ClockSource("ktime", 0))
        .srv6(new Srv6(false, ""))
        .encryption(new EncryptionStatus(DISABLED, "", null, null))
        .cniChaining(new CNIChainingStatus("none"))
        .build();
  }

  /** Well as long as every task and every row of the datapath is. */
  private static Status cilium(Agent agent) {
    List<String> problems = new ArrayList<>();
    for (ControllerStatus each : controllers(agent)) {
      if (each.status() != null && each.status().consecutiveFailureCount() > 0) {
        problems.add(each.name() + ": " + each.status().lastFailureMsg());
      }
    }
    problems.addAll(agent.problems().values());
    // The version comes first: it is what clients cut off to show it.
    String running = (Agent.version().orElse("") + " " + agent.datapathDescription()).strip();
    return problems.isEmpty()
        ? new Status(OK, running)
        : new Status(WARNING, running + "; " + lines(problems));
  }

  /** All of them, a line each: the second may be the one that somebody looks for. */
  private static String lines(List<String> problems) {
    int shown = Math.min(problems.size(), MAX_PROBLEMS);
    return problems.size()
        + (problems.size() == 1 ? " problem:\n" : " problems:\n")
        + String.join("\n", problems.subList(0, shown))
        + (shown < problems.size() ? "\n… and " + (problems.size() - shown) + " more" : "");
  }

  /** Well as long as the probes of other nodes are answered; who is reached is another question. */
  private static Status nodeHealth(Agent agent) {
    if (agent.nodeHealth().isEmpty()) {
      return new Status(DISABLED, "nodes are not probed");
    }
    String error =
        agent.controllers().get(NodeHealth.CONTROLLER).map(ControllerState::lastError).orElse("");
    return error.isEmpty() ? new Status(OK, "") : new Status(WARNING, error);
  }

  private static K8sStatus kubernetes(Agent agent) {
    String source = agent.facts().kubernetes();
    return source.isEmpty()
        ? new K8sStatus(DISABLED, List.of(), "no source of objects is configured")
        : new K8sStatus(OK, List.of(), "objects come from the source " + source);
  }

  private static Masquerading masquerading(Agent agent) {
    Set<IpFamily> on = agent.masqueraded();
    var view =
        Masquerading.builder()
            .enabled(!on.isEmpty())
            .enabledProtocols(
                new Masquerading.Protocols(on.contains(IpFamily.IPV4), on.contains(IpFamily.IPV6)))
            // Of the two words that the API has: by the kernel's own tables.
            .mode(on.isEmpty() ? "" : "iptables")
            .ipMasqAgent(!on.isEmpty() && agent.hasIpMasqAgent());
    for (IpPrefix cidr : on.isEmpty() ? List.<IpPrefix>of() : agent.nativeRoutingCidrs()) {
      if (cidr.family() == IpFamily.IPV4) {
        view.snatExclusionCidrV4(cidr.toString());
      } else {
        view.snatExclusionCidrV6(cidr.toString());
      }
    }
    return view.build();
  }

  private static IPAMStatus ipam(AddressReservations book) {
    Map<String, String> allocations = new TreeMap<>();
    for (Row<IpAddress, String> row : book.allocations().snapshot()) {
      String pool =
          book.poolOf(row.key()).filter(name -> !name.equals(NodePool.DEFAULT)).orElse("");
      allocations.put((pool.isEmpty() ? "" : pool + "/") + row.key(), row.value());
    }
    return new IPAMStatus(
        allocations,
        addresses(book, IpFamily.IPV4),
        addresses(book, IpFamily.IPV6),
        String.join(", ", book.hasPools() ? pools(book) : prefixes(book)));
  }

  /** As the field counts them. */
  private static List<String> pools(AddressReservations book) {
    List<String> parts = new ArrayList<>();
    for (IpFamily family : new TreeSet<>(book.families())) {
      long pools =
          book.podCidrs().stream()
              .filter(prefix -> prefix.family() == family)
              .flatMap(prefix -> book.poolOf(prefix.address()).stream())
              .distinct()
              .count();
      parts.add(
          (family == IpFamily.IPV4 ? "IPv4: " : "IPv6: ") + pools + " IPAM pool(s) available");
    }
    return parts;
  }

  private static List<String> prefixes(AddressReservations book) {
    List<String> parts = new ArrayList<>();
    for (IpPrefix prefix : book.podCidrs()) {
      long used = addresses(book, prefix.family()).size();
      long free = book.free(prefix.family());
      String all = free == Long.MAX_VALUE ? "many" : Long.toString(used + free);
      String family = prefix.family() == IpFamily.IPV4 ? "IPv4" : "IPv6";
      parts.add(family + ": " + used + "/" + all + " allocated from " + prefix);
    }
    return parts;
  }

  private static List<String> addresses(AddressReservations book, IpFamily family) {
    return book.allocations().snapshot().stream()
        .map(Row::key)
        .filter(each -> each.family() == family)
        .map(IpAddress::toString)
        .toList();
  }

  // ---- controllers ----

  /** The tasks that the agent repeats, and the rows that it keeps trying to bring about. */
  static List<ControllerStatus> controllers(Agent agent) {
    List<ControllerStatus> all = new ArrayList<>();
    for (Row<String, ControllerState> row : agent.controllers().snapshot()) {
      all.add(view(row.value()));
    }
    List<Endpoint> endpoints = new ArrayList<>();
    agent.hostEndpoint().ifPresent(endpoints::add);
    agent.endpoints().snapshot().stream().map(Row::value).forEach(endpoints::add);
    for (Endpoint endpoint : endpoints) {
      agent
          .policyProgress(endpoint)
          .flatMap(PolicyProgress::status)
          .filter(RowStatus.Failed.class::isInstance)
          .map(RowStatus.Failed.class::cast)
          .ifPresent(failed -> all.add(view(endpoint, failed)));
    }
    return all;
  }

  private static ControllerStatus view(ControllerState state) {
    return new ControllerStatus(
        state.name(),
        state.uuid().toString(),
        new ControllerStatus.Configuration(
            DurationText.of(state.interval()), DurationText.of(Duration.ofSeconds(1)), true),
        new ControllerStatus.Outcome(
            state.successes(),
            text(state.lastSuccess()),
            state.failures(),
            text(state.lastFailure()),
            state.failuresInARow(),
            state.lastError()));
  }

  private static ControllerStatus view(Endpoint endpoint, RowStatus.Failed failed) {
    return new ControllerStatus(
        "sync-policymap-" + endpoint.id(),
        "",
        new ControllerStatus.Configuration("", DurationText.of(failed.retryIn()), true),
        new ControllerStatus.Outcome(
            0, "", failed.attempts(), "", failed.attempts(), failed.message()));
  }

  private static String text(Optional<Instant> time) {
    return time.map(Instant::toString).orElse("");
  }
}
