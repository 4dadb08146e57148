// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class SysctlTest {

  @Test
  void read_valueOfManyCharacters_isWhole() {
    String range = Sysctl.read("net/ipv4/ip_local_port_range").orElseThrow();
    assertTrue(range.matches("\\d{2,5}\\s+\\d{2,5}"), range);
  }

  @Test
  void read_keyThatThisKernelLacks_isAbsent() {
    assertEquals(Optional.empty(), Sysctl.read("net/ipv4/no_such_setting"));
  }
}
