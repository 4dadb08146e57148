// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class SourceGuardTest {

  private static Set<IpPrefix> prefixes(String... texts) {
    return Arrays.stream(texts).map(IpPrefix::parse).collect(Collectors.toSet());
  }

  @Test
  void merge_addressesSideBySide_becomeOnePrefix() {
    assertEquals(
        prefixes("10.1.0.4/30", "10.1.0.9/32", "fd00::/127"),
        SourceGuard.merge(
            prefixes(
                "10.1.0.4/32",
                "10.1.0.7/32",
                "10.1.0.9/32",
                "10.1.0.6/32",
                "10.1.0.5/32",
                "fd00::/128",
                "fd00::1/128")));
    assertEquals(
        prefixes("127.0.0.0/8"), SourceGuard.merge(prefixes("127.0.0.1/32", "127.0.0.0/8")));
    assertEquals(prefixes(), SourceGuard.merge(prefixes()));
  }

  /** Exactly the addresses that were given: one more would cut somebody off. */
  @Property(tries = 200)
  void merge_anyAddresses_coversTheseAndNoOthers(@ForAll IpFamily family, @ForAll long seed) {
    Random random = new Random(seed);
    IpAddress base = IpAddress.parse(family == IpFamily.IPV4 ? "10.1.0.0" : "fd00::");
    Set<IpPrefix> given = new HashSet<>();
    for (int i = 0; i < 40; i++) {
      given.add(IpPrefix.host(base.plus(random.nextInt(64))));
    }
    Set<IpPrefix> merged = SourceGuard.merge(given);
    for (int i = 0; i < 64; i++) {
      IpAddress address = base.plus(i);
      long covering = merged.stream().filter(prefix -> prefix.contains(address)).count();
      assertEquals(given.contains(IpPrefix.host(address)) ? 1 : 0, covering);
    }
    assertTrue(merged.size() <= given.size());
  }
}
