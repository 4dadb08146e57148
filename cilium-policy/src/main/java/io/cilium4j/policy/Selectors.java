// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.EndpointSelector;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Requirement;
import io.cilium4j.core.Requirement.Operator;
import io.cilium4j.core.ReservedIdentity;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes the selectors that rules mean out of those that people write: adds the namespace and the
 * cluster, and spells entities as conditions on labels. Peers by address are made by {@link
 * AddressSelectors}.
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

  /** Of pods. */
  static final Requirement IN_SOME_NAMESPACE = Requirement.exists(LabelSource.K8S, NAMESPACE);

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
