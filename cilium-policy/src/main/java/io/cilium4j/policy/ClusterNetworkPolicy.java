// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpPrefix;
import java.util.List;

/**
 * A ClusterNetworkPolicy, {@code policy.networking.k8s.io/v1alpha2}: an administrator's policy that
 * is decided before (tier Admin) or after (tier Baseline) those of namespaces.
 *
 * @param resource the object
 * @param tier before or after
 * @param priority 0 (strongest) to 1000 within the tier
 * @param subject whom it is about
 * @param ingress rules on what comes in; the first that matches decides
 * @param egress rules on what goes out; the first that matches decides
 */
public record ClusterNetworkPolicy(
    ResourceName resource,
    Tier tier,
    int priority,
    Peer subject,
    List<Rule> ingress,
    List<Rule> egress)
    implements PolicyResource {

  /** The kind. */
  public static final String KIND = "ClusterNetworkPolicy";

  /** Largest priority number, the weakest. */
  public static final int MAX_PRIORITY = 1000;

  public ClusterNetworkPolicy {
    ingress = List.copyOf(ingress);
    egress = List.copyOf(egress);
  }

  /** When it is decided. */
  public enum Tier {
    ADMIN("Admin"),
    BASELINE("Baseline");

    private final String text;

    Tier(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /** What a rule does with a flow. */
  public enum Action {
    ACCEPT("Accept"),
    DENY("Deny"),
    /** Leaves it to the next tier. */
    PASS("Pass");

    private final String text;

    Action(String text) {
      this.text = text;
    }

    @Override
    public String toString() {
      return text;
    }
  }

  /**
   * One rule.
   *
   * @param name for people; may be empty
   * @param action what to do
   * @param peers with whom; empty means everyone
   * @param ports on which ports; empty means every protocol
   */
  public record Rule(String name, Action action, List<Peer> peers, List<Ports.Port> ports) {
    public Rule {
      peers = List.copyOf(peers);
      ports = List.copyOf(ports);
    }
  }

  /** Whom a rule or a policy is about. */
  public sealed interface Peer {
    /** Every pod of namespaces with these labels. */
    record Namespaces(LabelSelector namespaces) implements Peer {}

    /** Pods with these labels in namespaces with those. */
    record Pods(LabelSelector namespaces, LabelSelector pods) implements Peer {}

    /** Nodes with these labels; egress only. */
    record Nodes(LabelSelector nodes) implements Peer {}

    /** Addresses; egress only. */
    record Networks(List<IpPrefix> networks) implements Peer {
      public Networks {
        networks = List.copyOf(networks);
      }
    }

    /** DNS names; egress accepts only. */
    record DomainNames(List<String> names) implements Peer {
      public DomainNames {
        names = List.copyOf(names);
      }
    }

    /** A kind of peer that this version does not know: it is never read as "nobody". */
    record Unknown() implements Peer {}
  }
}
