// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class EntryTableTest {

  /** Enough keys for several chunks, few enough that most changes meet a key that is there. */
  private static final int KEYS = 700;

  private static Map<Long, PolicyEntry> content(EntryTable table) {
    Map<Long, PolicyEntry> content = new HashMap<>();
    for (int slot = 0; slot < table.slots(); slot++) {
      PolicyEntry entry = table.entry(slot);
      assertEquals(table.key(slot) == 0, entry == null);
      if (entry != null) {
        content.put(table.key(slot), entry);
      }
    }
    return content;
  }

  @Property(tries = 50)
  void copy_changedInAnyWay_leavesTheOriginalsAsTheyWere(@ForAll long seed) {
    var random = new Random(seed);
    List<EntryTable> tables = new ArrayList<>();
    List<Map<Long, PolicyEntry>> models = new ArrayList<>();
    var table = new EntryTable();
    Map<Long, PolicyEntry> model = new HashMap<>();
    for (int generation = 0; generation < 12; generation++) {
      int changes = random.nextInt(generation % 3 == 0 ? 400 : 5);
      for (int i = 0; i < changes; i++) {
        long key = 1L + random.nextInt(KEYS);
        if (random.nextInt(3) == 0) {
          table.remove(key);
          model.remove(key);
        } else {
          PolicyEntry entry = PolicyEntry.allow(1 + random.nextInt(1000));
          table.put(key, entry);
          model.put(key, entry);
        }
      }
      tables.add(table.seal());
      models.add(Map.copyOf(model));
      table = table.copy();
    }
    for (int i = 0; i < tables.size(); i++) {
      assertEquals(models.get(i), content(tables.get(i)));
      assertEquals(models.get(i).size(), tables.get(i).size());
      for (long key = 1; key <= KEYS; key++) {
        int slot = tables.get(i).find(key);
        assertEquals(models.get(i).get(key), slot < 0 ? null : tables.get(i).entry(slot));
      }
    }
  }
}
