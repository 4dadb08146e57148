// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Why a packet was dropped. Numbers and texts are Cilium's; those from 230 to 249 are our own. The
 * eBPF programs send the number in events and count by it ({@code lib/drop.h}), and a number that
 * has no constant here is a value all the same, which shows as that number.
 *
 * @param code the number in events and counters, 1 to 255
 */
public record DropReason(int code) {

  /** The largest number: events have a byte for it. */
  public static final int MAX_CODE = 255;

  /** By number; filled by the constants below, so it stands before them. */
  private static final Map<Integer, String> TEXTS = new HashMap<>();

  /** Not the sender's own address. */
  public static final DropReason INVALID_SOURCE_IP = known(132, "Invalid source ip");

  /** No rule allows it, and a policy selects the endpoint. */
  public static final DropReason POLICY_DENIED = known(133, "Policy denied");

  public static final DropReason INVALID_PACKET = known(134, "Invalid packet");
  public static final DropReason CT_INVALID_HEADER = known(135, "CT: Truncated or invalid header");
  public static final DropReason UNSUPPORTED_L3 = known(139, "Unsupported L3 protocol");

  /** What came out of the tunnel says nothing of its sender. */
  public static final DropReason NO_TUNNEL_KEY = known(147, "Error retrieving tunnel key");

  /** The destination is an endpoint of this node whose row is gone or not yet written. */
  public static final DropReason NO_LOCAL_ENDPOINT =
      known(152, "No matching local container found");

  public static final DropReason CT_INSERT_FAILED = known(155, "CT: Map insertion failed");
  public static final DropReason INVALID_EXTENSION_HEADER =
      known(156, "Invalid IPv6 extension header");

  /**
   * A service's address is asked for what is no port of it, or the service has no backend for it.
   */
  public static final DropReason NO_SERVICE = known(158, "Service backend not found");

  /** The node that has the destination is none of the cluster's any more. */
  public static final DropReason NO_TUNNEL_ENDPOINT =
      known(160, "No tunnel/encapsulation endpoint (datapath BUG!)");

  /** A pod speaks to a node's tunnel as nodes do. */
  public static final DropReason ENCAPSULATION_PROHIBITED =
      known(170, "Encapsulation traffic is prohibited");

  /** What the tunnel says of a packet's sender can be said of none of another node. */
  public static final DropReason INVALID_IDENTITY = known(171, "Invalid identity");

  /**
   * The sender's device belongs to no endpoint, or the node that sent it is none of the cluster's.
   */
  public static final DropReason UNKNOWN_SENDER = known(172, "Unknown sender");

  /** A later fragment whose ports the verdict needs, and whose first one was not seen. */
  public static final DropReason FRAGMENT_NOT_FOUND =
      known(175, "First logical datagram fragment not found");

  /** Neighbour and router discovery that is not a pod's to send; mostly counted, not reported. */
  public static final DropReason FORBIDDEN_ICMPV6 = known(176, "Forbidden ICMPv6 message");

  /** A rule denies it. */
  public static final DropReason POLICY_DENY = known(181, "Policy denied by denylist");

  public static final DropReason VLAN_FILTERED =
      known(182, "VLAN traffic disallowed by VLAN filter");

  /** The programs' working memory was missing. */
  public static final DropReason SCRATCH_MISSING =
      known(184, "Failed to update or lookup TC buffer");

  public static final DropReason AUTH_REQUIRED = known(189, "Authentication required");

  public static final DropReason CHANGE_UNDER_WAY =
      known(230, "State changed while the packet was decided");
  public static final DropReason CONNECTION_REVOKED =
      known(231, "Connection was revoked, a new one may begin");

  /** A rule leaves it to the proxy, which does not run: whoever sent it is refused. */
  public static final DropReason PROXY_GONE = known(232, "Proxy is not there");

  /** A pod's own flow to a backend has the ports of one that goes there through a service. */
  public static final DropReason SERVICE_COLLISION =
      known(233, "Ports are those of a flow through a service");

  /** A client of the API wants no packet from there: {@code cilium prefilter update}. */
  public static final DropReason PREFILTER = known(234, "Source is in the prefilter");

  public DropReason {
    if (code < 1 || code > MAX_CODE) {
      throw new IllegalArgumentException("drop reason " + code + ": wanted 1 to " + MAX_CODE);
    }
  }

  private static DropReason known(int code, String text) {
    if (TEXTS.put(code, text) != null) {
      throw new IllegalStateException("two drop reasons with the number " + code);
    }
    return new DropReason(code);
  }

  /** The reasons that have a constant, by number. */
  public static List<DropReason> known() {
    return TEXTS.keySet().stream().sorted().map(DropReason::new).toList();
  }

  /** The reason in the words that people of this field know; the number if it has none here. */
  @Override
  public String toString() {
    String text = TEXTS.get(code);
    return text == null ? Integer.toString(code) : text;
  }
}
