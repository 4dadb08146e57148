// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.Row.FrontendKey;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ServedFrontendsTest {

  private static FrontendKey key(String address, int port, Protocol protocol) {
    return new FrontendKey(IpAddress.parse(address), port, protocol);
  }

  @Test
  void parse_mapAsTheProgramShowsIt_hasEachElement() {
    assertEquals(
        Set.of(
            key("192.0.2.1", 30_080, Protocol.TCP),
            key("192.0.2.1", 53, Protocol.UDP),
            key("2001:db8::1", 30_081, Protocol.SCTP),
            key("::1", 53, Protocol.UDP)),
        ServedFrontends.parse(
            """
            table inet cilium4j_t_nodeport {
            \tmap frontends4 {
            \t\ttype ipv4_addr . inet_proto . inet_service : verdict
            \t\telements = { 192.0.2.1 . tcp . 30080 : goto f4,
            \t\t\t     192.0.2.1 . udp . 53 : goto f5 }
            \t}
            \tmap frontends6 {
            \t\telements = { 2001:db8::1 . sctp . 30081 : goto f6,
            \t\t\t     ::1 . udp . 53 : goto f7 }
            \t}
            }
            """));
  }

  /** As in an image without /etc/protocols. */
  @Test
  void parse_protocolsAsNumbers_areThose() {
    assertEquals(
        Set.of(key("192.0.2.1", 30_080, Protocol.TCP), key("192.0.2.1", 53, Protocol.UDP)),
        ServedFrontends.parse(
            "elements = { 192.0.2.1 . 6 . 30080 : goto f4, 192.0.2.1 . 17 . 53 : goto f5,"
                + " 192.0.2.1 . 47 . 53 : goto f6 }"));
  }

  @Test
  void parse_whatIsNoFrontend_isLeftOut() {
    assertEquals(
        Set.of(),
        ServedFrontends.parse(
            "elements = { 192.0.2.1 . udp . 0 : goto f4, 192.0.2.1 . udp . 70000 : goto f5,"
                + " 192.0.2.1 . icmp . 53 : goto f6, 1.2.3 . udp . 53 : goto f7,"
                + " 192.0.2.1 . udp . 53 : drop }"));
  }
}
