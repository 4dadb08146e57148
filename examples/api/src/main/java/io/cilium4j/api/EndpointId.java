// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * How an endpoint is named in a path: {@code [prefix:]value}. Without a prefix it is the node's own
 * number.
 *
 * @param kind what the value is
 * @param value the rest; never empty
 */
public record EndpointId(Kind kind, String value) {

  /** Longest text that is read, in characters: a container's id and a device's name need 80. */
  private static final int MAX_TEXT_CHARS = 512;

  /** What an endpoint is named by. */
  public enum Kind {
    /** The number that the agent gave it, unique on its node. */
    LOCAL("cilium-local"),
    /** {@code node:number}; a node's name is not unique in time, so nothing is found by it here. */
    GLOBAL("cilium-global"),
    /** A container's id, then {@code :} and its device where there is one. */
    CNI_ATTACHMENT("cni-attachment-id"),
    CONTAINER_ID("container-id"),
    CONTAINER_NAME("container-name"),
    DOCKER_ENDPOINT("docker-endpoint"),
    /** {@code namespace/name} of the pod. */
    POD_NAME("pod-name"),
    /** {@code namespace/name} of the CiliumEndpoint, which is the pod's. */
    CEP_NAME("cep-name"),
    IPV4("ipv4"),
    IPV6("ipv6");

    private final String prefix;

    Kind(String prefix) {
      this.prefix = prefix;
    }

    /** The text before the colon. */
    public String prefix() {
      return prefix;
    }

    private static Optional<Kind> ofPrefix(String prefix) {
      return Arrays.stream(values()).filter(kind -> kind.prefix.equals(prefix)).findFirst();
    }
  }

  /** The endpoint of a number. */
  public static EndpointId local(int number) {
    return new EndpointId(Kind.LOCAL, Integer.toString(number));
  }

  /** Reads {@code [prefix:]value}. */
  public static EndpointId parse(String text) {
    if (text.isEmpty() || text.length() > MAX_TEXT_CHARS) {
      throw new IllegalArgumentException(
          "endpoint id of " + text.length() + " characters: wanted 1 to " + MAX_TEXT_CHARS);
    }
    int colon = text.indexOf(':');
    Kind kind = Kind.LOCAL;
    if (colon >= 0) {
      String prefix = text.substring(0, colon);
      kind =
          Kind.ofPrefix(prefix)
              .orElseThrow(() ->
                  new IllegalArgumentException(
                      "endpoint id prefix \"" + prefix + "\": wanted one of " + prefixes()));
    }
    var id = new EndpointId(kind, text.substring(colon + 1));
    if (id.value.isEmpty()) {
      throw new IllegalArgumentException("endpoint id \"" + text + "\": nothing after the prefix");
    }
    if (kind == Kind.LOCAL) {
      var _ = id.number();
    }
    return id;
  }

  private static String prefixes() {
    return Arrays.stream(Kind.values()).map(Kind::prefix).collect(Collectors.joining(", "));
  }

  /** The node's own number; 0 stands for "choose one" where an endpoint is made. */
  public int number() {
    try {
      int number = kind == Kind.LOCAL ? Integer.parseInt(value) : -1;
      if (number >= 0 && number <= 0xffff) {
        return number;
      }
    } catch (NumberFormatException _) {
      // Told below, with the range.
    }
    throw new IllegalArgumentException("endpoint id \"" + value + "\": wanted 0 to 65535");
  }

  @Override
  public String toString() {
    return kind.prefix + ":" + value;
  }
}
