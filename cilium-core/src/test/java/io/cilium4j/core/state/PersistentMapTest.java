// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class PersistentMapTest {

  @Test
  void remove_absentKey_isTheSameMap() {
    PersistentMap<Integer, String> map = empty().put(1, "a");
    assertSame(map, map.remove(2));
    assertNull(map.remove(1).get(1));
    assertEquals("a", map.get(1));
  }

  @Test
  void put_ascendingKeys_staysShallow() {
    PersistentMap<Integer, String> map = empty();
    for (int i = 0; i < 10_000; i++) {
      map = map.put(i, "x");
    }
    int height = 0;
    for (PersistentMap.Node<Integer, String> node : map) {
      height = Math.max(height, node.height);
    }
    // 1.44 * log2(10,000) = 19.1
    assertTrue(height <= 19, "height " + height);
  }

  @Property(tries = 300)
  void anyChanges_agreeWithTreeMap(
      @ForAll @Size(max = 300) List<@IntRange(min = -60, max = 59) Integer> steps,
      @ForAll @IntRange(max = 60) int floor) {
    PersistentMap<Integer, String> map = empty();
    var model = new TreeMap<Integer, String>();
    for (int step : steps) {
      if (step >= 0) {
        map = map.put(step, "v" + model.size());
        model.put(step, "v" + model.size());
      } else {
        map = map.remove(-step - 1);
        model.remove(-step - 1);
      }
      for (PersistentMap.Node<Integer, String> node : map) {
        int left = node.left == null ? 0 : node.left.height;
        int right = node.right == null ? 0 : node.right.height;
        assertTrue(Math.abs(left - right) <= 1);
      }
    }
    assertEquals(model.size(), map.size());
    var keys = new ArrayList<Integer>();
    map.iterator().forEachRemaining(node -> keys.add(node.key));
    assertEquals(List.copyOf(model.keySet()), keys);
    var above = new ArrayList<Integer>();
    map.above(floor).forEachRemaining(node -> above.add(node.key));
    assertEquals(List.copyOf(model.tailMap(floor, false).keySet()), above);
  }

  private static PersistentMap<Integer, String> empty() {
    return PersistentMap.empty(Comparator.naturalOrder());
  }
}
