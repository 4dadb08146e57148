// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.documents.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * How clients outside of the cluster reach a Service of Kubernetes.
 *
 * @param families of which it is asked at nodes' addresses, by its ports' node ports
 * @param loadBalancer addresses that a load balancer leads to nodes
 * @param addresses its external IPs, which somebody else leads to nodes
 * @param sources prefixes to whose addresses a load balancer's and external IPs are served; empty
 *     for everybody
 * @param healthPort where a load balancer asks a node whether it has backends of the service; 0
 *     where it does not
 * @param algorithm how the service itself wants backends to be chosen; absent where it does not say
 */
public record ExternalAccess(
    Set<IpFamily> families,
    List<IpAddress> loadBalancer,
    List<IpAddress> addresses,
    List<IpPrefix> sources,
    int healthPort,
    Optional<LoadBalancerAlgorithm> algorithm) {

  /** Says how backends are chosen, where the agent heeds it. */
  private static final String ALGORITHM = "service.cilium.io/lb-algorithm";

  private static final int MAX_PORT = 65_535;

  /** For nobody. */
  static final ExternalAccess NONE =
      new ExternalAccess(Set.of(), List.of(), List.of(), List.of(), 0, Optional.empty());

  public ExternalAccess {
    families = Set.copyOf(families);
    loadBalancer = List.copyOf(loadBalancer);
    addresses = List.copyOf(addresses);
    sources = List.copyOf(sources);
  }

  /**
   * What an object says of it.
   *
   * @param own its ClusterIPs; it is served in their families
   */
  static ExternalAccess read(Object object, List<IpAddress> own, ObjectProblems problems) {
    Set<IpFamily> families = new TreeSet<>();
    own.forEach(address -> families.add(address.family()));
    String type = Trees.text(object, "spec", "type");
    boolean isBalanced = type.equals(FrontendType.LOAD_BALANCER.text());
    boolean hasNodePorts = isBalanced || type.equals(FrontendType.NODE_PORT.text());
    List<IpAddress> balanced = new ArrayList<>();
    if (isBalanced) {
      List<?> items = Trees.items(object, "status", "loadBalancer", "ingress");
      for (int i = 0; i < items.size(); i++) {
        // Of a name, or of a balancer that wants to see the packets first, there is nothing to do.
        if (!Trees.text(items.get(i), "ipMode").equals("Proxy")
            && Trees.at(items.get(i), "ip") instanceof String text) {
          add(balanced, text, families, "status.loadBalancer.ingress[" + i + "].ip ", problems);
        }
      }
    }
    List<IpAddress> external = new ArrayList<>();
    for (Object item : Trees.items(object, "spec", "externalIPs")) {
      add(external, String.valueOf(item), families, "spec.externalIPs ", problems);
    }
    external.removeAll(balanced);
    List<?> ranges = Trees.items(object, "spec", "loadBalancerSourceRanges");
    List<IpPrefix> sources = sources(ranges, problems);
    boolean isNobodys = sources.isEmpty() && !ranges.isEmpty();
    return new ExternalAccess(
        hasNodePorts ? families : Set.of(),
        isNobodys ? List.of() : balanced,
        isNobodys ? List.of() : external,
        sources,
        isBalanced ? healthPort(object, problems) : 0,
        algorithm(object, problems));
  }

  private static Optional<LoadBalancerAlgorithm> algorithm(Object object, ObjectProblems problems) {
    Object given = Trees.at(object, "metadata", "annotations", ALGORITHM);
    if (given == null) {
      return Optional.empty();
    }
    Optional<LoadBalancerAlgorithm> algorithm =
        LoadBalancerAlgorithm.tryParse(String.valueOf(given).toLowerCase(Locale.ROOT));
    if (algorithm.isEmpty()) {
      problems.add("annotation " + ALGORITHM + " " + given + ": wanted random or maglev");
    }
    return algorithm;
  }

  /** Kubernetes gives one to a service whose traffic stays at the node that it comes to. */
  private static int healthPort(Object object, ObjectProblems problems) {
    Object port = Trees.at(object, "spec", "healthCheckNodePort");
    if (port == null
        || port.equals(0)
        || !Trees.text(object, "spec", "externalTrafficPolicy").equals("Local")) {
      return 0;
    }
    if (port instanceof Integer given && given > 0 && given <= MAX_PORT) {
      return given;
    }
    problems.add("spec.healthCheckNodePort " + port + ": no port");
    return 0;
  }

  private static void add(
      List<IpAddress> all,
      String text,
      Set<IpFamily> families,
      String where,
      ObjectProblems problems) {
    Optional<IpAddress> address = IpAddress.tryParse(text);
    String unfit = address.map(UnfitAddresses::ofBackend).orElse("no address");
    if (!unfit.isEmpty()) {
      problems.add(where + text + ": " + unfit);
    } else if (!families.contains(address.get().family())) {
      problems.add(where + text + ": the service has no ClusterIP of this family");
    } else if (!all.contains(address.get())) {
      all.add(address.get());
    }
  }

  /** One that cannot be read serves nobody. */
  private static List<IpPrefix> sources(List<?> ranges, ObjectProblems problems) {
    List<IpPrefix> sources = new ArrayList<>();
    for (Object item : ranges) {
      try {
        sources.add(IpPrefix.parseLenient(String.valueOf(item).strip()));
      } catch (IllegalArgumentException _) {
        problems.add("spec.loadBalancerSourceRanges " + item + ": no prefix");
      }
    }
    return sources;
  }
}
