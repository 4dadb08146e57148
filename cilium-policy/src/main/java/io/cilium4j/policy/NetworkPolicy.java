// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpPrefix;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A Kubernetes NetworkPolicy, {@code networking.k8s.io/v1}.
 *
 * @param resource the object
 * @param podSelector whom it is about, within its namespace
 * @param ingress who may come in
 * @param egress where to one may go
 * @param types the policy types named; a direction that has rules is enforced without being named
 */
public record NetworkPolicy(
    ResourceName resource,
    LabelSelector podSelector,
    List<Rule> ingress,
    List<Rule> egress,
    List<Type> types)
    implements PolicyResource {

  /** The kind. */
  public static final String KIND = "NetworkPolicy";

  public NetworkPolicy {
    ingress = List.copyOf(ingress);
    egress = List.copyOf(egress);
    types = List.copyOf(types);
  }

  /** A direction as {@code policyTypes} spells it. */
  public enum Type {
    INGRESS("Ingress"),
    EGRESS("Egress");

    private final String text;

    Type(String text) {
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
   * @param peers the peers; empty means everyone
   * @param ports the ports; empty means every port of every protocol
   */
  public record Rule(List<Peer> peers, List<Ports.Port> ports) {
    public Rule {
      peers = List.copyOf(peers);
      ports = List.copyOf(ports);
    }
  }

  /** A peer. */
  public sealed interface Peer {
    /**
     * Pods, by their labels and those of their namespace.
     *
     * @param pods the pods' labels; null where not given, which is every pod
     * @param namespaces the namespaces' labels; null for the policy's own namespace
     */
    record Pods(@Nullable LabelSelector pods, @Nullable LabelSelector namespaces) implements Peer {}

    /** Addresses outside the cluster, with holes. */
    record Block(IpPrefix prefix, List<IpPrefix> except) implements Peer {
      public Block {
        except = List.copyOf(except);
      }
    }
  }
}
