// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.lb;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FlowHashTest {

  /** What {@code lb_hash} of {@code lib/lb.h} gives on a machine that reads the low byte first. */
  @ParameterizedTest
  @CsvSource({
    "10.1.2.3, 172.20.0.9, 4660, 80, 6, 9ece5a25, 1",
    "10.1.2.3, 172.20.0.9, 4661, 80, 6, 4a4ee4b9, 0",
    "10.1.2.3, 172.20.0.9, 4660, 80, 17, 1f3718cd, 0",
    "172.20.0.9, 10.1.2.3, 80, 4660, 6, 1e82def8, 0",
    "fd00:8::5, fd20::9, 65535, 443, 132, a996e3b7, 1",
    "fd20::9, fd00:8::5, 1, 65535, 17, fe07b3d5, 2",
    "0.0.0.0, 0.0.0.0, 0, 0, 0, 0, 0"
  })
  void of_fixedFlows_isTheProgramsHash(
      String from,
      String to,
      int fromPort,
      int toPort,
      int protocol,
      String hash,
      int slotOfThree) {
    Assumptions.assumeTrue(ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN);
    IpAddress source = IpAddress.parse(from);
    IpAddress destination = IpAddress.parse(to);
    int got =
        FlowHash.from(source.high(), source.low())
            .to(destination.high(), destination.low())
            .of(protocol, fromPort, toPort);
    assertEquals(hash, Integer.toHexString(got));
    assertEquals(slotOfThree, FlowHash.slot(got, 3));
  }

  @Test
  void slot_ofTheLargestHash_isTheLastOne() {
    assertEquals(4999, FlowHash.slot(-1, 5000));
    assertEquals(0, FlowHash.slot(-1, 1));
  }
}
