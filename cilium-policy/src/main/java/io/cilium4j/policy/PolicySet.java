// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Policies that can be asked, without a kernel, a cluster or numbers: whether a flow between two
 * parties passes, why, and what passes between them at all.
 *
 * <p>
 *
 * {@snippet :
 * PolicySet policies = PolicySet.parse(yaml, "shop.yaml");
 * FlowExplanation why =
 *     policies.explain(
 *         Party.pod("shop", "app=frontend"),
 *         Party.pod("shop", "app=backend"),
 *         PortProtocol.tcp(8080));
 * why.isAllowed();
 * }
 *
 * <p>Parties are described by what rules see of them. Two things are the agent's to know and not
 * told here: which of a pod's labels are relevant to identity (here all of them are), and the
 * addresses of DNS names (here {@code toFQDNs} selects nobody). What rules say of the requests
 * inside of a flow is {@link #requests}'s to tell; the other answers take it that they pass.
 *
 * <p>It never changes, and is safe for use by several threads.
 */
public final class PolicySet {

  /** By policy, then by place in it. */
  private static final Comparator<RuleOrigin> BY_PLACE =
      Comparator.comparing(RuleOrigin::resource).thenComparing(RuleOrigin::path);

  private final PolicyConfig config;
  private final PolicyCompiler compiler;
  private final RulesSnapshot rules;
  private final CidrGroups groups;
  private final Map<String, Map<String, String>> namespaces;

  private PolicySet(Builder builder) {
    this.config = builder.config;
    this.compiler = new PolicyCompiler(config);
    var repository = new PolicyRepository(config);
    repository.setServices(builder.services);
    this.rules = repository.add(builder.resources);
    this.groups =
        CidrGroups.NONE.with(
            builder.resources.stream()
                .filter(CidrGroup.class::isInstance)
                .map(CidrGroup.class::cast)
                .toList());
    this.namespaces = Map.copyOf(builder.namespaces);
  }

  /** The policies of one text under the default configuration; see {@link PolicyParser}. */
  public static PolicySet parse(String yamlOrJson, String sourceName) {
    return builder().policies(yamlOrJson, sourceName).build();
  }

  /** Begins to gather policies. */
  public static Builder builder() {
    return new Builder();
  }

  /** Gathers policies, and what else they are decided by. */
  public static final class Builder {
    private PolicyConfig config = PolicyConfig.DEFAULT;
    private final List<PolicyResource> resources = new ArrayList<>();
    private final List<Text> texts = new ArrayList<>();
    private final List<PolicyService> services = new ArrayList<>();
    private final Map<String, Map<String, String>> namespaces = new HashMap<>();

    private record Text(String yamlOrJson, String sourceName) {}

    private Builder() {}

    /** The configuration; {@link PolicyConfig#DEFAULT} without one. */
    public Builder config(PolicyConfig wanted) {
      config = wanted;
      return this;
    }

    /**
     * Adds every policy of a text.
     *
     * @param sourceName where it comes from, for messages; usually a file name
     */
    public Builder policies(String yamlOrJson, String sourceName) {
      texts.add(new Text(yamlOrJson, sourceName));
      return this;
    }

    /** Adds policies. */
    public Builder policies(Collection<? extends PolicyResource> more) {
      resources.addAll(more);
      return this;
    }

    /** Adds what {@code toServices} may mean. */
    public Builder services(Collection<PolicyService> more) {
      services.addAll(more);
      return this;
    }

    /** Tells a namespace's labels; one of which nothing is told has none but its name. */
    public Builder namespace(String name, Map<String, String> labels) {
      namespaces.put(name, Map.copyOf(labels));
      return this;
    }

    /**
     * The set.
     *
     * @throws PolicyParseException if a text cannot be read; the first that is wrong
     */
    public PolicySet build() {
      for (Text text : texts) {
        resources.addAll(PolicyParser.parse(text.yamlOrJson, text.sourceName, config));
      }
      texts.clear();
      return new PolicySet(this);
    }
  }

  /** The configuration by which it decides. */
  public PolicyConfig config() {
    return config;
  }

  /** The policies. */
  public List<PolicyResource> policies() {
    return rules.resources();
  }

  /**
   * A rule of a policy.
   *
   * @param origin which
   * @param direction the direction it is about
   * @param selectsPeers whether it can decide a flow; one that selects no peer only restricts
   */
  public record Rule(RuleOrigin origin, TrafficDirection direction, boolean selectsPeers) {}

  /** The rules, by policy and then by place in it. */
  public List<Rule> rules() {
    var all = new ArrayList<Rule>();
    rules.forEach(stored ->
        stored
            .entries()
            .forEach(entry ->
                all.add(new Rule(entry.origin(), entry.direction(), !entry.peers().isEmpty()))));
    all.sort(Comparator.comparing(Rule::origin, BY_PLACE));
    return List.copyOf(all);
  }

  /** The prefixes that rules name, exceptions included: addresses between them are all alike. */
  public Set<IpPrefix> prefixes() {
    var all = new TreeSet<IpPrefix>();
    rules.resources().forEach(policy -> all.addAll(rules.prefixes(policy.resource())));
    return all;
  }

  /** Whether a flow passes, by the sender's egress and the receiver's ingress. */
  public boolean isAllowed(Party from, Party to, PortProtocol port) {
    return explain(from, to, port).isAllowed();
  }

  /**
   * Why a flow passes or does not.
   *
   * @throws IllegalArgumentException if rules tell the addresses of a party apart, so that there is
   *     no one answer
   */
  public FlowExplanation explain(Party from, Party to, PortProtocol port) {
    var ends = new Ends(from, to);
    return new FlowExplanation(
        from,
        to,
        port,
        ends.egress.map(policy -> explain(policy, TrafficDirection.EGRESS, ends.to, port)),
        ends.ingress.map(policy -> explain(policy, TrafficDirection.INGRESS, ends.from, port)));
  }

  /** As {@link #explain(Party, Party, PortProtocol)}, of the sender's side alone. */
  public Optional<Explanation> explainEgress(Party from, Party to, PortProtocol port) {
    return explain(from, to, port).egress();
  }

  /** As {@link #explain(Party, Party, PortProtocol)}, of the receiver's side alone. */
  public Optional<Explanation> explainIngress(Party from, Party to, PortProtocol port) {
    return explain(from, to, port).ingress();
  }

  /**
   * What the receiver's policy lets the sender ask of it: nothing where the flow itself is denied,
   * everything where no rule looks at requests.
   */
  public RequestMatcher requests(Party from, Party to, PortProtocol port) {
    var ends = new Ends(from, to);
    return ends.ingress
        .map(policy ->
            policy
                .requests(TrafficDirection.INGRESS)
                .matcher(ends.from.id(), port.protocol().number(), port.port()))
        .orElseGet(() ->
            RequestMatcher.builder()
                .allow(new RuleOrigin(0, "", "the receiver is no endpoint"))
                .build());
  }

  private static Explanation explain(
      CompiledPolicy policy, TrafficDirection direction, Identity peer, PortProtocol port) {
    return policy.explain(direction, peer.id(), port.protocol().number(), port.port());
  }

  /**
   * What passes from one party to another: every port that does, in ranges. {@link PortRange#ANY}
   * alone where everything does.
   */
  public List<PortRange> allowed(Party from, Party to) {
    var ends = new Ends(from, to);
    var open = new ArrayList<PortRange>();
    boolean everything = true;
    for (Protocol protocol : Protocol.values()) {
      if (protocol != Protocol.ANY) {
        List<PortRange> ofProtocol = ends.allowed(protocol);
        everything &= ofProtocol.size() == 1 && ofProtocol.getFirst().isWhole();
        open.addAll(ofProtocol);
      }
    }
    return everything ? List.of(PortRange.ANY) : List.copyOf(open);
  }

  /** The two ends of flows, with numbers and the policies of those that have one. */
  private final class Ends {
    private final Identity from;
    private final Identity to;
    private final Optional<CompiledPolicy> egress;
    private final Optional<CompiledPolicy> ingress;

    Ends(Party from, Party to) {
      this.from = identity(from, 0);
      Identity other = identity(to, 1);
      // Pods that have the same labels are of one identity.
      this.to = other.labels().equals(this.from.labels()) ? this.from : other;
      IdentitiesSnapshot known =
          IdentitiesSnapshot.reserved().with(List.of(peer(from, this.from), peer(to, this.to)));
      this.egress = policy(from, this.from, known);
      this.ingress = policy(to, this.to, known);
    }

    private static IdentitiesSnapshot.Peer peer(Party party, Identity identity) {
      return new IdentitiesSnapshot.Peer(
          identity, party instanceof Party.Pod pod ? pod.namedPorts() : Map.of());
    }

    private Optional<CompiledPolicy> policy(
        Party party, Identity identity, IdentitiesSnapshot known) {
      if (!isEndpoint(party)) {
        return Optional.empty();
      }
      var subject = new PolicySubject(identity, peer(party, identity).namedPorts(), null, null);
      return Optional.of(compiler.compile(subject, rules, known));
    }

    /** The ranges of a protocol's ports that both sides let pass. */
    List<PortRange> allowed(Protocol protocol) {
      int last = PortProtocol.last(protocol);
      var starts = new TreeSet<Integer>();
      starts.add(PortProtocol.first(protocol));
      egress.ifPresent(each -> addStarts(each.state(), protocol, starts));
      ingress.ifPresent(each -> addStarts(each.state(), protocol, starts));
      var open = new ArrayList<PortRange>();
      for (int start : starts.subSet(PortProtocol.first(protocol), true, last, true)) {
        Integer next = starts.higher(start);
        int end = next == null ? last : Math.min(next - 1, last);
        if (passes(protocol, start)) {
          boolean joins = !open.isEmpty() && open.getLast().last() == start - 1;
          open.add(new PortRange(protocol, joins ? open.removeLast().first() : start, end));
        }
      }
      return open;
    }

    /** Where the verdict may change: at the beginning of each block of ports, and behind it. */
    private static void addStarts(PolicyMapState state, Protocol protocol, Set<Integer> into) {
      state.forEach((key, _) -> {
        if (key.protocol() == protocol.number()) {
          into.add(key.port());
          into.add(key.lastPort() + 1);
        }
      });
    }

    private boolean passes(Protocol protocol, int port) {
      return egress
              .map(each ->
                  each.verdict(TrafficDirection.EGRESS, to.id(), protocol.number(), port).passes())
              .orElse(true)
          && ingress
              .map(each ->
                  each.verdict(TrafficDirection.INGRESS, from.id(), protocol.number(), port)
                      .passes())
              .orElse(true);
    }
  }

  /**
   * Whether it has a policy of its own: what is outside of the cluster or on other nodes has not.
   */
  private static boolean isEndpoint(Party party) {
    return switch (party) {
      case Party.Pod _ -> true;
      case Party.Addresses _ -> false;
      case Party.Entity entity ->
          switch (entity.identity()) {
            case HOST, HEALTH, INIT, INGRESS -> true;
            default -> false;
          };
    };
  }

  /**
   * What rules see of a party.
   *
   * @param which 0 or 1, so that two parties have two numbers
   */
  private Identity identity(Party party, int which) {
    return switch (party) {
      case Party.Pod pod -> {
        var origin =
            new PodLabels.Origin(
                pod.namespace(),
                namespaces.getOrDefault(pod.namespace(), Map.of()),
                pod.serviceAccount(),
                config.clusterName());
        yield new Identity(
            (config.clusterId() << 16) | (Identity.MIN_CLUSTER_WIDE + which),
            PodLabels.prepare(pod.labels(), origin, pod.namedPorts()));
      }
      case Party.Addresses addresses ->
          new Identity(Identity.LOCAL_SCOPE + 1 + which, labels(addresses.prefix()));
      case Party.Entity entity -> entity.identity().identity();
    };
  }

  private Labels labels(IpPrefix prefix) {
    for (IpPrefix named : prefixes()) {
      if (prefix.contains(named) && !named.equals(prefix)) {
        throw new IllegalArgumentException(
            prefix + ": rules name " + named + " in it, so that it has no one answer");
      }
    }
    boolean bothFamilies = config.ipv4() && config.ipv6();
    boolean v4 = prefix.family() == IpFamily.IPV4;
    ReservedIdentity world =
        !bothFamilies
            ? ReservedIdentity.WORLD
            : v4 ? ReservedIdentity.WORLD_IPV4 : ReservedIdentity.WORLD_IPV6;
    var labels = new ArrayList<Label>();
    world.identity().labels().forEach(labels::add);
    CidrLabels.of(prefix).ifPresent(labels::add);
    return groups.applyTo(Labels.of(labels));
  }
}
