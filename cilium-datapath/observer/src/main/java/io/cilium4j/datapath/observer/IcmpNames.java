// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import java.util.List;
import java.util.Map;

/** Types and codes of ICMP in the words that Hubble has for them. */
final class IcmpNames {

  /**
   * A type.
   *
   * @param codes the names of its codes, from 0 on; empty for a type that has none
   */
  private record Type(String name, List<String> codes) {

    Type(String name) {
      this(name, List.of());
    }

    String with(int code) {
      if (code < codes.size()) {
        return name + "(" + codes.get(code) + ")";
      }
      return codes.isEmpty() && code == 0 ? name : name + "(Code: " + code + ")";
    }
  }

  private static final Map<Integer, Type> V4 =
      Map.ofEntries(
          Map.entry(0, new Type("EchoReply")),
          Map.entry(
              3,
              new Type(
                  "DestinationUnreachable",
                  List.of(
                      "Net",
                      "Host",
                      "Protocol",
                      "Port",
                      "FragmentationNeeded",
                      "SourceRoutingFailed",
                      "NetUnknown",
                      "HostUnknown",
                      "SourceIsolated",
                      "NetAdminProhibited",
                      "HostAdminProhibited",
                      "NetTOS",
                      "HostTOS",
                      "CommAdminProhibited",
                      "HostPrecedence",
                      "PrecedenceCutoff"))),
          Map.entry(4, new Type("SourceQuench")),
          Map.entry(5, new Type("Redirect", List.of("Net", "Host", "TOS+Net", "TOS+Host"))),
          Map.entry(8, new Type("EchoRequest")),
          Map.entry(9, new Type("RouterAdvertisement")),
          Map.entry(10, new Type("RouterSolicitation")),
          Map.entry(
              11,
              new Type("TimeExceeded", List.of("TTLExceeded", "FragmentReassemblyTimeExceeded"))),
          Map.entry(
              12,
              new Type(
                  "ParameterProblem",
                  List.of("PointerIndicatesError", "MissingOption", "BadLength"))),
          Map.entry(13, new Type("TimestampRequest")),
          Map.entry(14, new Type("TimestampReply")),
          Map.entry(15, new Type("InfoRequest")),
          Map.entry(16, new Type("InfoReply")),
          Map.entry(17, new Type("AddressMaskRequest")),
          Map.entry(18, new Type("AddressMaskReply")));

  private static final Map<Integer, Type> V6 =
      Map.ofEntries(
          Map.entry(
              1,
              new Type(
                  "DestinationUnreachable",
                  List.of(
                      "NoRouteToDst",
                      "AdminProhibited",
                      "BeyondScopeOfSrc",
                      "AddressUnreachable",
                      "PortUnreachable",
                      "SrcAddressFailedPolicy",
                      "RejectRouteToDst"))),
          Map.entry(2, new Type("PacketTooBig")),
          Map.entry(
              3,
              new Type(
                  "TimeExceeded", List.of("HopLimitExceeded", "FragmentReassemblyTimeExceeded"))),
          Map.entry(
              4,
              new Type(
                  "ParameterProblem",
                  List.of(
                      "ErroneousHeaderField", "UnrecognizedNextHeader", "UnrecognizedIPv6Option"))),
          Map.entry(128, new Type("EchoRequest")),
          Map.entry(129, new Type("EchoReply")),
          Map.entry(133, new Type("RouterSolicitation")),
          Map.entry(134, new Type("RouterAdvertisement")),
          Map.entry(135, new Type("NeighborSolicitation")),
          Map.entry(136, new Type("NeighborAdvertisement")),
          Map.entry(137, new Type("Redirect")));

  private IcmpNames() {}

  /** A message of ICMP for IPv4, {@code DestinationUnreachable(Port)}. */
  static String v4(int type, int code) {
    return name(V4, type, code);
  }

  /** The same for IPv6. */
  static String v6(int type, int code) {
    return name(V6, type, code);
  }

  private static String name(Map<Integer, Type> types, int type, int code) {
    Type known = types.get(type);
    return known == null ? type + "(" + code + ")" : known.with(code);
  }
}
