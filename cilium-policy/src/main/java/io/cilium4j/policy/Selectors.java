// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.EndpointSelector;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Requirement;
import io.cilium4j.core.Requirement.Operator;
import io.cilium4j.core.ReservedIdentity;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes the selectors that rules mean out of those that people write: adds the namespace and the
 * cluster, and spells addresses, names and entities as conditions on labels.
 */
final class Selectors {
  /** The label of a pod's namespace. */
  static final String NAMESPACE = "io.kubernetes.pod.namespace";

  /** The same as rules write it. */
  private static final String WRITTEN_NAMESPACE = LabelSource.K8S + ":" + NAMESPACE;

  /** What stands before the keys of a namespace's own labels on its pods. */
  static final String NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels.";

  /** The label of a pod's cluster. */
  static final String CLUSTER = "io.cilium.k8s.policy.cluster";

  /** What stands before a CIDR group's name. */
  static final String CIDR_GROUP_NAME = "io.cilium.policy.cidrgroupname/";

  /** What stands before the name of a group that somebody outside the cluster tells. */
  private static final String EXTERNAL_GROUP = "extgrp.cilium.io/";

  private static final Requirement IN_SOME_NAMESPACE =
      Requirement.exists(LabelSource.K8S, NAMESPACE);

  /** Of whose addresses nothing is known: a node or pod may be of either family. */
  private static final List<Requirement> NO_PREFIX =
      Stream.of("0.0.0.0/0", "::/0")
          .map(all -> requirement(IpPrefix.parse(all), Operator.DOES_NOT_EXIST))
          .toList();

  /** Selects nobody: no identity has the label. */
  static final Selector NOBODY = Selector.of(reserved("none"));

  private final PolicyConfig config;
  private final List<Requirement> inLocalCluster;

  Selectors(PolicyConfig config) {
    this.config = config;
    this.inLocalCluster = List.of(Requirement.equalTo(Label.k8s(CLUSTER, config.clusterName())));
  }

  private static boolean namesK8s(String written, String key) {
    String source = LabelSelector.sourceOf(written);
    return (source.equals(LabelSource.K8S) || source.equals(LabelSource.ANY))
        && LabelSelector.keyOf(written).equals(key);
  }

  private static Requirement inNamespace(String namespace) {
    return Requirement.equalTo(Label.k8s(NAMESPACE, namespace));
  }

  /** The condition that keeps a selector inside the local cluster; none where that is off. */
  private List<Requirement> localCluster(Iterable<String> keys) {
    if (!config.localClusterByDefault()) {
      return List.of();
    }
    for (String key : keys) {
      if (namesK8s(key, CLUSTER)) {
        return List.of();
      }
    }
    return inLocalCluster;
  }

  /**
   * The subject of a rule. In a namespaced policy the namespace is the policy's, whatever the
   * author writes under that very key.
   */
  Selector subject(ResourceName resource, CiliumPolicy.Subject subject) {
    LabelSelector written = subject.selector();
    if (resource.isClusterScoped() || resource.isPlainRules()) {
      EndpointSelector selector = written.resolve(LabelSource.ANY);
      return subject.isNode() ? Selector.of(selector) : selector(selector);
    }
    List<Requirement> requirements =
        written.without(WRITTEN_NAMESPACE).requirements(LabelSource.ANY);
    requirements.add(inNamespace(resource.namespace()));
    return Selector.of(new EndpointSelector(requirements));
  }

  /** Peers of a Cilium policy by label. */
  Selector endpoints(ResourceName resource, CiliumPolicy.Subject subject, LabelSelector written) {
    List<Requirement> requirements = written.requirements(LabelSource.ANY);
    boolean namesReserved = false;
    boolean namesNamespace = false;
    boolean namesNamespaceLabel = false;
    boolean namesCluster = !config.localClusterByDefault();
    for (Requirement each : requirements) {
      namesReserved |= each.source().equals(LabelSource.RESERVED);
      namesNamespace |= isK8s(each, NAMESPACE);
      namesNamespaceLabel |= isNamespaceLabel(each);
      namesCluster |= isK8s(each, CLUSTER);
    }
    if (resource.isPlainRules() || namesReserved) {
      return selector(new EndpointSelector(requirements));
    }
    if (!namesNamespace) {
      if (!resource.isClusterScoped()) {
        if (!namesNamespaceLabel) {
          requirements.add(inNamespace(resource.namespace()));
        }
      } else if (!subject.selector().keys().contains("reserved:init")) {
        requirements.add(IN_SOME_NAMESPACE);
      }
    }
    if (!namesCluster) {
      requirements.addAll(inLocalCluster);
    }
    return selector(new EndpointSelector(requirements));
  }

  /**
   * The selector of these requirements, in which a namespace or a cluster that is only left out
   * means the pods of all others. What is in no namespace, as the host or the world, does not meet
   * "not in that namespace" any more than "in that namespace".
   *
   * <p>The reference implementation reads such a condition as one on any identity, and on the
   * aggregates too.
   */
  private Selector selector(EndpointSelector selector) {
    if (config.referenceCompat()) {
      return Selector.withAggregates(selector);
    }
    boolean leavesOut = false;
    for (Requirement each : selector.requirements()) {
      boolean positive = each.operator() == Operator.IN || each.operator() == Operator.EXISTS;
      boolean namespace = isNamespaceOrItsLabel(each);
      if (positive && (namespace || each.source().equals(LabelSource.RESERVED))) {
        return Selector.of(selector);
      }
      leavesOut |= !positive && (namespace || isK8s(each, CLUSTER));
    }
    return Selector.of(leavesOut ? selector.and(List.of(IN_SOME_NAMESPACE)) : selector);
  }

  private static boolean isNamespaceOrItsLabel(Requirement requirement) {
    return isK8s(requirement, NAMESPACE) || isNamespaceLabel(requirement);
  }

  private static boolean isNamespaceLabel(Requirement requirement) {
    return requirement.key().startsWith(NAMESPACE_LABELS) && isK8s(requirement, requirement.key());
  }

  private static boolean isK8s(Requirement requirement, String key) {
    return requirement.key().equals(key)
        && (requirement.source().equals(LabelSource.K8S)
            || requirement.source().equals(LabelSource.ANY));
  }

  /** Whether a service's labels meet a selector; what source the selector names is no matter. */
  static boolean matchesIgnoringSource(LabelSelector selector, Map<String, String> labels) {
    for (Requirement wanted : selector.resolve(LabelSource.ANY).requirements()) {
      String value = labels.get(wanted.key());
      boolean met =
          switch (wanted.operator()) {
            case IN -> value != null && wanted.values().contains(value);
            case NOT_IN -> value == null || !wanted.values().contains(value);
            case EXISTS -> value != null;
            case DOES_NOT_EXIST -> value == null;
          };
      if (!met) {
        return false;
      }
    }
    return true;
  }

  /** Other nodes by label; never the local host. */
  Selector nodes(LabelSelector written) {
    var added = new ArrayList<Requirement>();
    added.add(Requirement.exists(LabelSource.RESERVED, "remote-node"));
    added.addAll(localCluster(written.keys()));
    return Selector.of(written.resolve(LabelSource.ANY).and(added));
  }

  /** Pods behind a service with a selector. */
  Selector service(PolicyService service) {
    EndpointSelector pods =
        new LabelSelector(service.selector(), List.of()).resolve(LabelSource.K8S);
    var added = new ArrayList<Requirement>();
    added.add(inNamespace(service.namespace()));
    added.addAll(localCluster(service.selector().keySet()));
    return Selector.of(pods.and(added));
  }

  /**
   * Pods as Kubernetes' own policies name them.
   *
   * @param ownNamespace the namespace that is meant where {@code namespaces} is null
   * @param inCluster whether the local cluster is meant where none is named
   */
  Selector pods(
      @Nullable LabelSelector pods,
      @Nullable LabelSelector namespaces,
      String ownNamespace,
      boolean inCluster) {
    LabelSelector podLabels = pods == null ? LabelSelector.EMPTY : pods;
    if (namespaces == null) {
      // The namespace is the policy's, whatever the author writes under that key.
      podLabels = podLabels.without(NAMESPACE);
    }
    List<Requirement> requirements = podLabels.requirements(LabelSource.K8S);
    if (namespaces == null) {
      requirements.add(inNamespace(ownNamespace));
    } else if (namespaces.isEmpty()) {
      requirements.add(IN_SOME_NAMESPACE);
    } else {
      requirements.addAll(namespaces.resolve(LabelSource.K8S, NAMESPACE_LABELS).requirements());
    }
    if (inCluster) {
      requirements.addAll(localCluster(podLabels.keys()));
    }
    return selector(new EndpointSelector(requirements));
  }

  /** Nodes as ClusterNetworkPolicy names them: the host and the others of the cluster. */
  Selector clusterNodes(LabelSelector written) {
    EndpointSelector labels = written.resolve(LabelSource.NODE);
    return Selector.anyOf(
        List.of(
            labels.and(List.of(Requirement.exists(LabelSource.RESERVED, "host"))),
            labels
                .and(List.of(Requirement.exists(LabelSource.RESERVED, "remote-node")))
                .and(localCluster(written.keys()))));
  }

  /** The cluster's name servers, which must be asked before a name can be reached. */
  static Selector nameServers() {
    return Selector.of(EndpointSelector.of(new Label(LabelSource.ANY, "k8s-app", "kube-dns")));
  }

  /** The world label of a family: with one family only, there is but one world. */
  private String world(IpPrefix prefix) {
    boolean v4 = prefix.address().isV4();
    boolean dualStack = config.ipv4() && config.ipv6();
    boolean enabled = v4 ? config.ipv4() : config.ipv6();
    return !dualStack && enabled ? "world" : v4 ? "world-ipv4" : "world-ipv6";
  }

  private static Requirement requirement(IpPrefix prefix, Operator operator) {
    return new Requirement(LabelSource.CIDR, CidrLabels.key(prefix), operator, List.of());
  }

  /**
   * Addresses, with holes: those outside the cluster, and of the cluster's own those that the
   * configuration lets rules by address reach.
   */
  Selector cidr(IpPrefix prefix, List<IpPrefix> except) {
    List<Requirement> outside = outside(except);
    var inside = new EndpointSelector(List.of(requirement(prefix, Operator.EXISTS))).and(outside);
    if (prefix.length() > 0) {
      return reachable(List.of(world(prefix)), List.of(inside), List.of(inside));
    }
    var whole = new EndpointSelector(outside);
    return reachable(
        List.of(world(prefix)),
        List.of(whole),
        config.referenceCompat() ? List.of(whole) : List.of(inside, whole.and(NO_PREFIX)));
  }

  private List<Requirement> outside(List<IpPrefix> except) {
    // A hole of the whole size leaves nothing of its family.
    return except.stream()
        .map(hole ->
            hole.length() == 0
                ? new Requirement(
                    LabelSource.RESERVED, world(hole), Operator.DOES_NOT_EXIST, List.of())
                : requirement(hole, Operator.DOES_NOT_EXIST))
        .toList();
  }

  /**
   * Each of these conditions for each kind of identity that stands for addresses.
   *
   * @param outside the alternatives for those outside the cluster
   * @param inside the alternatives for its nodes and pods
   */
  private Selector reachable(
      List<String> worlds, List<EndpointSelector> outside, List<EndpointSelector> inside) {
    var alternatives = new ArrayList<EndpointSelector>();
    for (String world : worlds) {
      both(outside, Requirement.exists(LabelSource.RESERVED, world), alternatives);
    }
    var kinds = new ArrayList<Requirement>();
    if (config.cidrMatch().contains(PolicyConfig.CidrMatch.NODES)) {
      kinds.add(Requirement.exists(LabelSource.RESERVED, "host"));
      kinds.add(Requirement.exists(LabelSource.RESERVED, "remote-node"));
    }
    if (config.cidrMatch().contains(PolicyConfig.CidrMatch.PODS)) {
      kinds.add(IN_SOME_NAMESPACE);
    }
    kinds.forEach(kind -> both(inside, kind, alternatives));
    return alternatives.size() == 1
        ? Selector.of(alternatives.getFirst())
        : Selector.anyOf(alternatives);
  }

  private static void both(
      List<EndpointSelector> conditions, Requirement kind, List<EndpointSelector> to) {
    conditions.forEach(each -> to.add(each.and(List.of(kind))));
  }

  /** Addresses of CIDR groups, with holes. */
  Selector cidrSet(Peers.CidrSet set) {
    return switch (set.base()) {
      case Peers.CidrBase.Prefix(IpPrefix prefix) -> cidr(prefix, set.except());
      case Peers.CidrBase.GroupName(String name) ->
          group(
              List.of(
                  new EndpointSelector(
                      List.of(Requirement.exists(LabelSource.CIDR_GROUP, CIDR_GROUP_NAME + name)))),
              set.except());
      case Peers.CidrBase.GroupSelector(LabelSelector selector) ->
          group(groupLabels(selector), set.except());
    };
  }

  /**
   * Several groups may hold an address, so a group's label stands there once plain, for Exists, and
   * once as {@code key+value}, which does not collide, for the other operators. A list of values to
   * be in makes an alternative of each.
   */
  private static List<EndpointSelector> groupLabels(LabelSelector selector) {
    var alternatives = new ArrayList<EndpointSelector>();
    alternatives.add(EndpointSelector.WILDCARD);
    selector
        .matchLabels()
        .forEach(
            (key, value) -> narrow(alternatives, List.of(member(key, value, Operator.EXISTS))));
    for (LabelSelector.Expression each : selector.matchExpressions()) {
      switch (each.operator()) {
        case EXISTS, DOES_NOT_EXIST ->
            narrow(
                alternatives,
                List.of(
                    new Requirement(
                        LabelSource.CIDR_GROUP, each.key(), each.operator(), List.of())));
        case NOT_IN ->
            each.values()
                .forEach(value ->
                    narrow(
                        alternatives, List.of(member(each.key(), value, Operator.DOES_NOT_EXIST))));
        case IN ->
            narrow(
                alternatives,
                each.values().stream()
                    .map(value -> member(each.key(), value, Operator.EXISTS))
                    .toList());
      }
    }
    return alternatives;
  }

  private static Requirement member(String key, String value, Operator operator) {
    return new Requirement(LabelSource.CIDR_GROUP, key + "+" + value, operator, List.of());
  }

  /** Lets each alternative also ask for one of these. */
  private static void narrow(List<EndpointSelector> alternatives, List<Requirement> oneOf) {
    List<EndpointSelector> before = List.copyOf(alternatives);
    alternatives.clear();
    for (EndpointSelector selector : before) {
      oneOf.forEach(each -> alternatives.add(selector.and(List.of(each))));
    }
  }

  /** Groups hold addresses of both families: an alternative for each world label. */
  private Selector group(List<EndpointSelector> labels, List<IpPrefix> except) {
    if (except.isEmpty() && labels.stream().anyMatch(EndpointSelector::isWildcard)) {
      // The reference's reading of a group selector without conditions.
      return Selector.ALL;
    }
    List<Requirement> outside = outside(except);
    List<EndpointSelector> members = labels.stream().map(each -> each.and(outside)).toList();
    return reachable(List.of("world", "world-ipv4", "world-ipv6"), members, members);
  }

  /**
   * Addresses seen under a DNS name; the label is the text of the rule, as written. The empty name
   * is nobody's.
   */
  Selector fqdn(String text) {
    if (text.isEmpty()) {
      return NOBODY;
    }
    return Selector.of(new EndpointSelector(List.of(Requirement.exists(LabelSource.FQDN, text))));
  }

  /** Addresses that somebody outside the cluster tells. */
  Selector externalGroup(String canonicalJson) {
    return Selector.of(
        new EndpointSelector(
            List.of(Requirement.exists(LabelSource.CIDR_GROUP, externalGroupKey(canonicalJson)))));
  }

  /** The key of the label that the addresses of such a group have. */
  static String externalGroupKey(String canonicalJson) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-224")
              .digest(canonicalJson.getBytes(StandardCharsets.UTF_8));
      return EXTERNAL_GROUP + Base64.getUrlEncoder().withoutPadding().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-224", e);
    }
  }

  private static EndpointSelector reserved(String key) {
    return new EndpointSelector(List.of(Requirement.exists(LabelSource.RESERVED, key)));
  }

  /** Peers by what they are. */
  Selector entity(Peers.Entity entity) {
    return switch (entity) {
      case ALL -> Selector.ALL;
      case WORLD ->
          Selector.anyOf(
              Stream.of("world", "world-ipv4", "world-ipv6").map(Selectors::reserved).toList(),
              ReservedIdentity.AGGREGATE_WORLD);
      case CLUSTER -> Selector.anyOf(cluster(), ReservedIdentity.AGGREGATE_CLUSTER);
      case CLUSTER_MESH -> {
        var all = new ArrayList<>(cluster());
        all.add(new EndpointSelector(List.of(Requirement.exists(LabelSource.K8S, CLUSTER))));
        yield Selector.anyOf(
            all, ReservedIdentity.AGGREGATE_CLUSTER, ReservedIdentity.AGGREGATE_CLUSTER_MESH);
      }
      case REMOTE_NODE ->
          Selector.anyOf(List.of(reserved("remote-node")), ReservedIdentity.AGGREGATE_REMOTE_NODE);
      case WORLD_IPV4, WORLD_IPV6, HOST, KUBE_APISERVER, HEALTH, INIT, UNMANAGED, INGRESS, NONE ->
          Selector.of(reserved(entity.toString()));
    };
  }

  private List<EndpointSelector> cluster() {
    var all = new ArrayList<EndpointSelector>();
    for (String key :
        List.of(
            "host", "remote-node", "init", "ingress", "health", "unmanaged", "kube-apiserver")) {
      all.add(reserved(key));
    }
    all.add(EndpointSelector.of(Label.k8s(CLUSTER, config.clusterName())));
    return all;
  }
}
