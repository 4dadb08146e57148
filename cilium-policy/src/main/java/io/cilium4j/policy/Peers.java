// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpPrefix;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * One field of a rule that names peers, with its list. A field that is absent has no object of
 * these; a field that is there with an empty list has one with an empty list. The two mean
 * different things and are never mixed.
 */
public sealed interface Peers {

  /** The items of the list. */
  List<?> items();

  /** {@code fromEndpoints}, {@code toEndpoints}: by label. */
  record Endpoints(List<LabelSelector> items) implements Peers {
    public Endpoints {
      items = List.copyOf(items);
    }
  }

  /** {@code fromNodes}, {@code toNodes}: other nodes by label. */
  record Nodes(List<LabelSelector> items) implements Peers {
    public Nodes {
      items = List.copyOf(items);
    }
  }

  /** {@code fromEntities}, {@code toEntities}: by what they are. */
  record Entities(List<Entity> items) implements Peers {
    public Entities {
      items = List.copyOf(items);
    }
  }

  /** {@code fromCIDR}, {@code toCIDR}: by address. */
  record Cidrs(List<IpPrefix> items) implements Peers {
    public Cidrs {
      items = List.copyOf(items);
    }
  }

  /** {@code fromCIDRSet}, {@code toCIDRSet}: by address, with holes, or by group. */
  record CidrSets(List<CidrSet> items) implements Peers {
    public CidrSets {
      items = List.copyOf(items);
    }
  }

  /** {@code toFQDNs}: by the DNS name under which an address was seen. */
  record Fqdns(List<Fqdn> items) implements Peers {
    public Fqdns {
      items = List.copyOf(items);
    }
  }

  /** {@code toServices}: whatever stands behind a Kubernetes service. */
  record Services(List<Service> items) implements Peers {
    public Services {
      items = List.copyOf(items);
    }
  }

  /**
   * {@code fromGroups}, {@code toGroups}: addresses that a provider outside the cluster tells.
   *
   * @param items each group as canonical JSON, which names its derived CIDR group
   */
  record Groups(List<String> items) implements Peers {
    public Groups {
      items = List.copyOf(items);
    }
  }

  /** Peers by what they are, whatever their labels. */
  enum Entity {
    ALL,
    WORLD,
    WORLD_IPV4,
    WORLD_IPV6,
    CLUSTER,
    CLUSTER_MESH,
    HOST,
    REMOTE_NODE,
    KUBE_APISERVER,
    HEALTH,
    INIT,
    UNMANAGED,
    INGRESS,
    NONE;

    /** The entity of this text. */
    static Optional<Entity> tryParse(String text) {
      for (Entity entity : values()) {
        if (entity.toString().equals(text)) {
          return Optional.of(entity);
        }
      }
      return Optional.empty();
    }

    /** The text in policies, for example {@code remote-node}. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /**
   * Addresses with holes.
   *
   * @param base what it is made of
   * @param except prefixes taken out of this item alone
   */
  record CidrSet(CidrBase base, List<IpPrefix> except) {
    public CidrSet {
      except = List.copyOf(except);
    }
  }

  /** What a {@link CidrSet} is made of. */
  sealed interface CidrBase {
    /** One prefix. */
    record Prefix(IpPrefix prefix) implements CidrBase {}

    /** A CIDR group by name. */
    record GroupName(String name) implements CidrBase {}

    /** CIDR groups by label. */
    record GroupSelector(LabelSelector selector) implements CidrBase {}
  }

  /**
   * A DNS name or pattern.
   *
   * @param text as written; its label is this very text
   * @param isPattern whether {@code *} in it is a wildcard
   */
  record Fqdn(String text, boolean isPattern) {}

  /** A Kubernetes service, or some. */
  sealed interface Service {
    /** The service of this name; an empty namespace is any. */
    record Named(String namespace, String name) implements Service {}

    /** The services of these labels; an empty namespace is any. */
    record Selected(String namespace, LabelSelector selector) implements Service {}

    /** An item that names no service. */
    record Nothing() implements Service {}
  }
}
