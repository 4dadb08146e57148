// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A CiliumNetworkPolicy or, where its resource has no namespace, a CiliumClusterwideNetworkPolicy;
 * or a list of plain rules.
 *
 * @param resource the object
 * @param rules the rules of {@code spec} and {@code specs}, in that order; none where {@code specs}
 *     is an empty list
 */
public record CiliumPolicy(ResourceName resource, List<Rule> rules) implements PolicyResource {

  /** The kind inside a namespace. */
  public static final String KIND = "CiliumNetworkPolicy";

  /** The kind of cluster scope. */
  public static final String CLUSTERWIDE_KIND = "CiliumClusterwideNetworkPolicy";

  /**
   * What a list of plain rules is called, as the API of the agent takes them. No namespace is added
   * to their selectors, and no cluster: they mean what they say.
   */
  public static final String RULES_KIND = "Rules";

  public CiliumPolicy {
    rules = List.copyOf(rules);
  }

  /**
   * One {@code spec}.
   *
   * @param path where it stands: {@code spec} or {@code specs[n]}
   * @param subject whom the rule is about
   * @param ingress what may come in
   * @param ingressDeny what may not come in, whatever allows it
   * @param egress what may go out
   * @param egressDeny what may not go out, whatever allows it
   * @param denyIngressByDefault what {@code enableDefaultDeny.ingress} says; null where unset
   * @param denyEgressByDefault what {@code enableDefaultDeny.egress} says; null where unset
   * @param labels the rule's own labels, as written
   * @param description for people
   * @param logValue a text for the access log
   */
  public record Rule(
      String path,
      Subject subject,
      List<Item> ingress,
      List<Item> ingressDeny,
      List<Item> egress,
      List<Item> egressDeny,
      @Nullable Boolean denyIngressByDefault,
      @Nullable Boolean denyEgressByDefault,
      List<String> labels,
      String description,
      String logValue) {
    public Rule {
      ingress = List.copyOf(ingress);
      ingressDeny = List.copyOf(ingressDeny);
      egress = List.copyOf(egress);
      egressDeny = List.copyOf(egressDeny);
      labels = List.copyOf(labels);
    }
  }

  /**
   * Whom a rule is about.
   *
   * @param isNode whether it is nodes, by {@code nodeSelector}, or else endpoints
   * @param selector their labels
   */
  public record Subject(boolean isNode, LabelSelector selector) {}

  /**
   * One item of a section.
   *
   * @param peers the peer fields that are there, at most one of a kind and at most one with items
   * @param ports the items of {@code toPorts}; empty for no condition on ports
   * @param icmps the items of {@code icmps}, each the list of its fields; empty for no condition
   * @param authentication the authentication asked for; null where none is mentioned
   */
  public record Item(
      List<Peers> peers,
      List<Ports> ports,
      List<List<Ports.Icmp>> icmps,
      @Nullable Authentication authentication) {
    public Item {
      peers = List.copyOf(peers);
      ports = List.copyOf(ports);
      icmps = icmps.stream().map(List::copyOf).toList();
    }
  }

  /** How a peer must prove itself. */
  public enum Authentication {
    DISABLED,
    REQUIRED,
    TEST_ALWAYS_FAIL;

    /** The mode of this text. */
    static Optional<Authentication> tryParse(String text) {
      for (Authentication mode : values()) {
        if (mode.toString().equals(text)) {
          return Optional.of(mode);
        }
      }
      return Optional.empty();
    }

    /** The text in policies, for example {@code test-always-fail}. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }
}
