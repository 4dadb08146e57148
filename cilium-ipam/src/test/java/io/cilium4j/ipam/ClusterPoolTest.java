// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamException;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ClusterPoolTest {

  @Test
  void assign_newNodes_getOneOfEachFamily() {
    ClusterPool pool = pool("10.0.0.0/22 24", "fd00::/102 104");
    assertEquals(prefixes("10.0.0.0/24", "fd00::/104"), assign(pool, "a"));
    assertEquals(prefixes("10.0.1.0/24", "fd00::100:0/104"), assign(pool, "b"));
    assertEquals(prefixes("10.0.0.0/24", "fd00::/104"), assign(pool, "a"), "asked again");
    assertEquals(Optional.of(node("b", "10.0.1.0/24", "fd00::100:0/104")), pool.nodes().get("b"));
  }

  @Test
  void claim_beforeAssign_isNotGivenToOthers() {
    ClusterPool pool = pool("10.0.0.0/22 24");
    pool.claim(node("old", "10.0.0.0/24"));
    pool.claim(node("odd", "10.0.1.64/26", "172.16.0.0/24"));
    assertEquals(prefixes("10.0.2.0/24"), assign(pool, "new"));
    var e = assertThrows(IpamException.class, () -> pool.claim(node("thief", "10.0.0.128/25")));
    assertEquals("node thief: pod CIDR 10.0.0.128/25: node old has 10.0.0.0/24", e.getMessage());
    assertThrows(IpamException.class, () -> pool.assign(node("thief", "10.0.0.0/23")));
    assertEquals(Optional.empty(), pool.nodes().get("thief"));
  }

  /** One CIDR is another node's, and pods have addresses of the other one. */
  @Test
  void claim_oneOfTwoIsAnothers_theOtherIsGivenToNobody() {
    ClusterPool pool = pool("10.0.0.0/22 24", "fd00::/102 104");
    pool.claim(node("old", "10.0.0.0/24", "fd00::100:0/104"));
    assertThrows(IpamException.class, () -> pool.claim(node("twin", "10.0.0.0/24", "fd00::/104")));
    assertEquals(prefixes("10.0.1.0/24", "fd00::200:0/104"), assign(pool, "new"));
    assertThrows(
        IpamException.class, () -> pool.assign(node("late", "10.0.1.0/24", "fd00::300:0/104")));
    assertThrows(IpamException.class, () -> assign(pool, "more"));
    pool.release("late");
    assertEquals(prefixes("10.0.2.0/24", "fd00::300:0/104"), assign(pool, "more"));
    pool.release("old");
    assertEquals(
        prefixes("10.0.0.0/24", "fd00::/104"),
        pool.assign(node("twin", "10.0.0.0/24", "fd00::/104")).podCidrs());
  }

  @Test
  void assign_nodeHasOneFamily_getsTheOther() {
    ClusterPool pool = pool("10.0.0.0/22 24", "fd00::/102 104");
    assertEquals(
        prefixes("10.0.3.0/24", "fd00::/104"), pool.assign(node("a", "10.0.3.0/24")).podCidrs());
  }

  @Test
  void assign_nothingLeft_saysSoAndGivesNothing() {
    ClusterPool pool = pool("10.0.0.0/24 25", "10.0.8.0/25 25", "fd00::/64 72");
    assertEquals(prefixes("10.0.0.0/25", "fd00::/72"), assign(pool, "a"));
    assign(pool, "b");
    assertEquals(prefixes("10.0.8.0/25", "fd00:0:0:0:200::/72"), assign(pool, "c"));
    var e = assertThrows(IpamException.class, () -> assign(pool, "d"));
    assertEquals(
        "no IPV4 pod CIDR left for node d: [10.0.0.0/24 by /25, 10.0.8.0/25 by /25]",
        e.getMessage());
    pool.release("b");
    pool.release("b");
    assertEquals(prefixes("10.0.0.128/25", "fd00:0:0:0:100::/72"), assign(pool, "d"));
  }

  @Test
  void release_sharedPart_staysTakenByTheOther() {
    ClusterPool pool = pool("10.0.0.0/23 24");
    pool.claim(node("a", "10.0.0.0/26"));
    pool.claim(node("b", "10.0.0.64/26"));
    pool.release("a");
    assertEquals(prefixes("10.0.1.0/24"), assign(pool, "c"));
    pool.release("b");
    assertEquals(prefixes("10.0.0.0/24"), assign(pool, "d"));
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.0/8, 24, 65536",
    "fd00::/48, 64, 65536",
    "fd00::/56, 72, 65536",
    "fd00::/104, 120, 65536",
    "10.0.0.0/16, 30, 16384",
  })
  void assign_allParts_areDifferentAndInside(String range, int length, int parts) {
    ClusterPool pool = pool(range + " " + length);
    Set<IpPrefix> seen = new HashSet<>();
    for (int i = 0; i < 3_000; i++) {
      IpPrefix given = assign(pool, "n" + i).getFirst();
      assertEquals(length, given.length());
      assertEquals(true, IpPrefix.parse(range).contains(given) && seen.add(given), given::toString);
    }
    // Everything in one claim, then only what was released is left.
    ClusterPool full = pool(range + " " + length);
    full.claim(node("all", range));
    assertThrows(IpamException.class, () -> assign(full, "late"));
    assertEquals(parts, 1 << (length - IpPrefix.parse(range).length()));
  }

  @Test
  void constructor_badRanges_areRefused() {
    for (String range : List.of("10.0.0.0/16 15", "10.0.0.0/16 31", "fd00::/16 64")) {
      assertThrows(IpamException.class, () -> pool(range), range);
    }
    assertThrows(IpamException.class, () -> pool("10.0.0.0/8 24", "10.1.0.0/16 24"));
  }

  private static ClusterPool pool(String... ranges) {
    return new ClusterPool(
        Stream.of(ranges)
            .map(text -> text.split(" ", -1))
            .map(parts ->
                new ClusterPool.Range(IpPrefix.parse(parts[0]), Integer.parseInt(parts[1])))
            .toList());
  }

  private static List<IpPrefix> assign(ClusterPool pool, String name) {
    return pool.assign(node(name)).podCidrs();
  }

  private static Node node(String name, String... prefixes) {
    return new Node(name, List.of(), prefixes(prefixes));
  }

  private static List<IpPrefix> prefixes(String... prefixes) {
    return Stream.of(prefixes).map(IpPrefix::parse).toList();
  }
}
