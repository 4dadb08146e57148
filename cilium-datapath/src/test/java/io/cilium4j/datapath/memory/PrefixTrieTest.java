// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class PrefixTrieTest {

  private static final IpPrefix EVERYTHING = IpPrefix.parse("0.0.0.0/0");
  private static final IpPrefix PART = IpPrefix.parse("10.0.0.0/8");

  @Test
  void lookup_nestedPrefixes_givesTheLongest() {
    PrefixTrie<String> trie =
        PrefixTrie.<String>empty(IpFamily.IPV4)
            .with(PART, "part")
            .with(IpPrefix.parse("10.1.2.3/32"), "host")
            .with(EVERYTHING, "everything");
    assertEquals("host", lookup(trie, "10.1.2.3"));
    assertEquals("part", lookup(trie, "10.1.2.4"));
    assertEquals("everything", lookup(trie, "11.0.0.0"));
    assertNull(lookup(trie.without(EVERYTHING), "11.0.0.0"));
  }

  @Test
  void with_olderTrie_staysAsItWas() {
    PrefixTrie<String> before = PrefixTrie.<String>empty(IpFamily.IPV4).with(PART, "old");
    PrefixTrie<String> after = before.with(PART, "new").without(PART);
    assertEquals("old", lookup(before, "10.0.0.1"));
    assertNull(lookup(after, "10.0.0.1"));
  }

  /** Random changes, by the trie and by a plain map that is searched from end to end. */
  @Property(tries = 200)
  void lookup_randomPrefixes_agreesWithLinearSearch(@ForAll IpFamily family, @ForAll long seed) {
    Random random = new Random(seed);
    PrefixTrie<IpPrefix> trie = PrefixTrie.empty(family);
    Map<IpPrefix, IpPrefix> plain = new HashMap<>();
    for (int i = 0; i < 200; i++) {
      IpPrefix prefix = new IpPrefix(address(family, random), random.nextInt(family.bits() + 1));
      if (random.nextInt(4) == 0) {
        trie = trie.without(prefix);
        plain.remove(prefix);
      } else {
        trie = trie.with(prefix, prefix);
        plain.put(prefix, prefix);
      }
      assertEquals(plain.get(prefix), trie.get(prefix));
      IpAddress wanted = address(family, random);
      assertEquals(
          plain.keySet().stream()
              .filter(candidate -> candidate.contains(wanted))
              .max(Comparator.comparingInt(IpPrefix::length))
              .orElse(null),
          trie.lookup(wanted.high(), wanted.low()));
    }
    List<IpPrefix> all = new ArrayList<>();
    trie.forEach(all::add);
    assertEquals(plain.size(), all.size());
    assertEquals(plain.keySet(), new HashSet<>(all));
  }

  /** Few different bits, so that prefixes nest. */
  private static IpAddress address(IpFamily family, Random random) {
    long spread =
        (long) random.nextInt(4) << 30 | (long) random.nextInt(4) << 16 | random.nextInt(4);
    return family == IpFamily.IPV4
        ? IpAddress.ofV4((int) spread)
        : new IpAddress(family, spread << 20, spread);
  }

  private static @Nullable String lookup(PrefixTrie<String> trie, String address) {
    IpAddress parsed = IpAddress.parse(address);
    return trie.lookup(parsed.high(), parsed.low());
  }
}
