// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class IcmpNamesTest {

  @Test
  void name_typeWithCodes_hasTheCodeInIt() {
    assertEquals("DestinationUnreachable(FragmentationNeeded)", IcmpNames.v4(3, 4));
    assertEquals("DestinationUnreachable(Code: 16)", IcmpNames.v4(3, 16));
    assertEquals("TimeExceeded(HopLimitExceeded)", IcmpNames.v6(3, 0));
  }

  @Test
  void name_typeWithoutCodes_hasOnlyACodeThatIsNotZero() {
    assertEquals("EchoRequest", IcmpNames.v4(8, 0));
    assertEquals("EchoRequest(Code: 1)", IcmpNames.v6(128, 1));
  }

  @Test
  void name_unknownType_isItsNumbers() {
    assertEquals("200(7)", IcmpNames.v4(200, 7));
  }
}
