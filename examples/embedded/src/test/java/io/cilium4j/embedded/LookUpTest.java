// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class LookUpTest {
  @Test
  void landings_ofBothSides_letsTheEmpireInAlone() {
    assertEquals("empire: ALLOWED, alliance: DENIED", LookUp.landings());
  }
}
