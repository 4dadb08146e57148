// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.ReservedIdentity;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** One end of a flow that a {@link PolicySet} is asked about: a pod, addresses, or an entity. */
public sealed interface Party {

  /**
   * A pod.
   *
   * @param namespace its namespace
   * @param labels its own labels; those of its namespace are the {@link PolicySet}'s to know
   * @param serviceAccount the account it runs under
   * @param namedPorts its container ports that have a name
   */
  record Pod(
      String namespace,
      Map<String, String> labels,
      String serviceAccount,
      Map<String, NamedPort> namedPorts)
      implements Party {
    public Pod {
      if (namespace.isEmpty()) {
        throw new IllegalArgumentException("pod without a namespace");
      }
      labels.forEach((key, value) -> {
        var _ = Label.k8s(key, value); // Refuses what is no label.
      });
      labels = Map.copyOf(labels);
      namedPorts = Map.copyOf(namedPorts);
    }

    /** The same pod under another account. */
    public Pod withServiceAccount(String account) {
      return new Pod(namespace, labels, account, namedPorts);
    }

    /** The same pod with one more named port. */
    public Pod withNamedPort(String name, PortProtocol port) {
      Map<String, NamedPort> ports = new TreeMap<>(namedPorts);
      ports.put(name, new NamedPort(port.protocol().number(), port.port()));
      return new Pod(namespace, labels, serviceAccount, ports);
    }

    /** {@code namespace/key=value,…}. */
    @Override
    public String toString() {
      return namespace
          + "/"
          + new TreeMap<>(labels)
              .entrySet().stream()
                  .map(label -> label.getKey() + "=" + label.getValue())
                  .collect(Collectors.joining(","));
    }
  }

  /**
   * Addresses outside of the cluster.
   *
   * @param prefix which; rules must not tell its addresses apart
   */
  record Addresses(IpPrefix prefix) implements Party {
    /** The address, or the prefix. */
    @Override
    public String toString() {
      return prefix.isHost() ? prefix.address().toString() : prefix.toString();
    }
  }

  /**
   * What has a name of its own in rules.
   *
   * @param identity which; none that stands in policy maps only, and none without a meaning
   */
  record Entity(ReservedIdentity identity) implements Party {
    public Entity {
      if (identity.isAggregate() || identity == ReservedIdentity.UNKNOWN) {
        throw new IllegalArgumentException("entity " + identity + ": no packet is from or to it");
      }
    }

    /** Its name in rules, for example {@code world}. */
    @Override
    public String toString() {
      return name(identity);
    }
  }

  /** A pod of the account {@code default}. */
  static Pod pod(String namespace, Map<String, String> labels) {
    return new Pod(namespace, labels, "default", Map.of());
  }

  /**
   * A pod of the account {@code default}.
   *
   * @param labels as {@code key=value,…}
   * @throws IllegalArgumentException if one of them is not of this form
   */
  static Pod pod(String namespace, String labels) {
    Map<String, String> byKey = new TreeMap<>();
    for (String label : labels.split(",", -1)) {
      int equals = label.indexOf('=');
      if (equals < 1) {
        throw new IllegalArgumentException("label \"" + label + "\": wanted KEY=VALUE");
      }
      if (byKey.put(label.substring(0, equals), label.substring(equals + 1)) != null) {
        throw new IllegalArgumentException("label \"" + label + "\": its key stands twice");
      }
    }
    return pod(namespace, byKey);
  }

  /**
   * An address or a prefix.
   *
   * @param text for example {@code 192.0.2.1} or {@code 2001:db8::/32}
   * @throws IllegalArgumentException if it is neither
   */
  static Addresses addresses(String text) {
    return new Addresses(IpPrefix.parseLenient(text));
  }

  /**
   * An entity by its name in rules.
   *
   * @param name {@code host}, {@code remote-node}, {@code world}, {@code kube-apiserver}, …
   * @throws IllegalArgumentException if none of this name is one end of a flow: {@code all} and
   *     {@code cluster} are many
   */
  static Entity entity(String name) {
    return Arrays.stream(ReservedIdentity.values())
        .filter(each -> !each.isAggregate() && each != ReservedIdentity.UNKNOWN)
        .filter(each -> name(each).equals(name))
        .findFirst()
        .map(Entity::new)
        .orElseThrow(() ->
            new IllegalArgumentException(
                "entity \""
                    + name
                    + "\": wanted "
                    + Arrays.stream(ReservedIdentity.values())
                        .filter(each -> !each.isAggregate() && each != ReservedIdentity.UNKNOWN)
                        .map(Party::name)
                        .collect(Collectors.joining(", "))));
  }

  private static String name(ReservedIdentity identity) {
    return identity.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
