// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpFamily;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The ICMP types that policies can name; the numbers are IANA's. */
final class IcmpTypes {
  private static final Map<String, Integer> V4 =
      numbers(
          "EchoReply 0, DestinationUnreachable 3, Redirect 5, Echo 8, EchoRequest 8,"
              + " RouterAdvertisement 9, RouterSelection 10, TimeExceeded 11,"
              + " ParameterProblem 12, Timestamp 13, TimestampReply 14, Photuris 40,"
              + " ExtendedEchoRequest 42, ExtendedEchoReply 43");

  private static final Map<String, Integer> V6 =
      numbers(
          "DestinationUnreachable 1, PacketTooBig 2, TimeExceeded 3, ParameterProblem 4,"
              + " EchoRequest 128, EchoReply 129, MulticastListenerQuery 130,"
              + " MulticastListenerReport 131, MulticastListenerDone 132,"
              + " RouterSolicitation 133, RouterAdvertisement 134, NeighborSolicitation 135,"
              + " NeighborAdvertisement 136, RedirectMessage 137, RouterRenumbering 138,"
              + " ICMPNodeInformationQuery 139, ICMPNodeInformationResponse 140,"
              + " InverseNeighborDiscoverySolicitation 141,"
              + " InverseNeighborDiscoveryAdvertisement 142,"
              + " HomeAgentAddressDiscoveryRequest 144, HomeAgentAddressDiscoveryReply 145,"
              + " MobilePrefixSolicitation 146, MobilePrefixAdvertisement 147,"
              + " DuplicateAddressRequestCodeSuffix 157,"
              + " DuplicateAddressConfirmationCodeSuffix 158, ExtendedEchoRequest 160,"
              + " ExtendedEchoReply 161");

  private IcmpTypes() {}

  private static Map<String, Integer> numbers(String table) {
    Map<String, Integer> numbers = new HashMap<>();
    for (String row : table.split(", ", -1)) {
      int space = row.indexOf(' ');
      numbers.put(row.substring(0, space), Integer.valueOf(row.substring(space + 1)));
    }
    return Map.copyOf(numbers);
  }

  /** The number of a name, or null where the family has no such type. */
  static @Nullable Integer number(IpFamily family, String name) {
    return (family == IpFamily.IPV4 ? V4 : V6).get(name);
  }
}
