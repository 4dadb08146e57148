// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.L7Rules;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyEntry.Auth;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One rule as the engine sees it: every kind of policy object becomes a flat list of these.
 *
 * @param origin the rule of the object, with its cookie
 * @param tier when it is decided: lower tiers first
 * @param priority within the tier: lower first
 * @param action what it does
 * @param direction which way
 * @param subject whom it is about
 * @param isNode whether it is about nodes
 * @param peers with whom; empty means nobody, never everybody
 * @param ports on which ports; empty means on none, {@link L4#ANY} on every one
 * @param layer7 what is asked of requests
 * @param auth the authentication asked for
 * @param defaultDeny whether what it does not allow is denied in this direction
 */
record Entry(
    RuleOrigin origin,
    int tier,
    double priority,
    Action action,
    TrafficDirection direction,
    Selector subject,
    boolean isNode,
    List<Selector> peers,
    List<L4> ports,
    Layer7 layer7,
    Auth auth,
    boolean defaultDeny) {

  /** Tier of the administrators' policies that come first. */
  static final int TIER_ADMIN = 100;

  /** Tier of the policies of namespaces and clusters. */
  static final int TIER_NORMAL = 200;

  /** Tier of the administrators' policies that come last. */
  static final int TIER_BASELINE = 250;

  /** Tier of what the engine itself adds. */
  static final int TIER_DEFAULT = 255;

  /** What a rule does. */
  enum Action {
    ALLOW,
    DENY,
    /** Leaves the flow to the next tier. */
    PASS
  }

  Entry {
    peers = peers.contains(Selector.ALL) ? List.of(Selector.ALL) : List.copyOf(peers);
    ports = List.copyOf(ports);
  }

  // Written out, not left to the record; see EndpointSelector. Asked after each change of a policy.

  @Override
  public boolean equals(@Nullable Object other) {
    return this == other
        || (other instanceof Entry that
            && origin.equals(that.origin)
            && tier == that.tier
            && Double.compare(priority, that.priority) == 0
            && action == that.action
            && direction == that.direction
            && subject.equals(that.subject)
            && isNode == that.isNode
            && peers.equals(that.peers)
            && ports.equals(that.ports)
            && isSameLayer7(layer7, that.layer7)
            && auth == that.auth
            && defaultDeny == that.defaultDeny);
  }

  private static boolean isSameLayer7(Layer7 one, Layer7 other) {
    boolean nothingAsked = !one.isRedirect() && !other.isRedirect();
    return nothingAsked || one.equals(other);
  }

  @Override
  public int hashCode() {
    return origin.hashCode();
  }

  /**
   * Ports of a protocol.
   *
   * @param protocol the IP protocol's number; 0 for all, and then every port
   * @param first first port
   * @param last last port
   * @param name a container port's name to resolve in their place; empty for none
   */
  record L4(int protocol, int first, int last, String name) {
    /** Every port of every protocol. */
    static final L4 ANY = new L4(0, 0, 0xffff, "");

    boolean isNamed() {
      return !name.isEmpty();
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof L4 that
          && protocol == that.protocol
          && first == that.first
          && last == that.last
          && name.equals(that.name);
    }

    @Override
    public int hashCode() {
      return 31 * (31 * (31 * protocol + first) + last) + name.hashCode();
    }
  }

  /**
   * What is asked of the traffic above layer 4.
   *
   * @param rules what requests must look like
   * @param serverNames the TLS server names that may be asked for
   * @param listener the proxy's listener, if one is named
   * @param terminatingTls with what a proxy ends the client's TLS, if it does
   * @param originatingTls with what a proxy begins TLS to the server, if it does
   */
  record Layer7(
      L7Rules rules,
      List<String> serverNames,
      Ports.@Nullable Listener listener,
      Ports.@Nullable Secret terminatingTls,
      Ports.@Nullable Secret originatingTls) {
    private static final int WEAKEST_LISTENER = 126;

    /** Nothing is asked. */
    static final Layer7 NONE = new Layer7(L7Rules.none(), List.of(), null, null, null);

    /** Whether the traffic goes through a proxy. */
    boolean isRedirect() {
      return !rules.isEmpty()
          || !serverNames.isEmpty()
          || listener != null
          || terminatingTls != null
          || originatingTls != null;
    }

    /** The listener to which the traffic goes, as {@link PolicyEntry#listener} has it. */
    String target() {
      return switch (rules) {
        case L7Rules.Http http -> "http";
        case L7Rules.Dns dns -> "dns";
        case L7Rules.None none -> listener == null ? "tls" : nameOf(listener);
      };
    }

    private static String nameOf(Ports.Listener listener) {
      return listener.configKind() + "/" + listener.configName() + "/" + listener.name();
    }

    /**
     * The lowest byte of a redirect's precedence: the stronger the listener's priority the higher.
     * Listeners that name no priority have a default by their kind.
     */
    int precedenceByte() {
      int priority =
          switch (rules) {
            case L7Rules.Http h -> 101;
            case L7Rules.Dns d -> 121;
            case L7Rules.None n -> listener == null ? 116 : listenerPriority(listener.priority());
          };
      return 255 - priority;
    }

    /** A priority that is not given, or is beyond what has a number, is the weakest. */
    static int listenerPriority(int given) {
      return given > 0 ? Math.min(given, WEAKEST_LISTENER) : WEAKEST_LISTENER;
    }
  }
}
