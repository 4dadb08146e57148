// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/**
 * Whatever was said in whatever order, the rows are those of an ipcache that is told it at once.
 */
class IpcachePropertyTest {
  private static final Duration REST = Duration.ofSeconds(1);

  private final ManualScheduler time = new ManualScheduler();
  private final IdentityAllocator allocator =
      new IdentityAllocator(new Database(), new MemoryIdentityBackend(0, time, REST), time, REST);

  @Property(tries = 200)
  void update_stepByStep_isAsAtOnce(
      @ForAll @Size(max = 60) List<@IntRange(max = 4095) Integer> steps) {
    var grown = new Ipcache(allocator, EnumSet.allOf(IpFamily.class), Set.of());
    Map<String, Integer> statements = new TreeMap<>();
    for (int step : steps) {
      // Bits: 0-2 which prefix, 3-4 which owner, 5-6 what is said.
      String where = (step & 7) + " " + ((step >> 3) & 3);
      if (((step >> 5) & 3) == 0) {
        statements.remove(where);
        grown.removeLabels(prefix(step), owner(step));
      } else {
        statements.put(where, step);
        grown.putLabels(prefix(step), owner(step), labels(step));
      }
    }
    var fresh = new Ipcache(allocator, EnumSet.allOf(IpFamily.class), Set.of());
    statements.values().forEach(s -> fresh.putLabels(prefix(s), owner(s), labels(s)));
    assertEquals(rows(fresh), rows(grown));

    // Everything withdrawn, nothing is left but the world, and no number is held.
    for (Ipcache each : List.of(grown, fresh)) {
      statements.values().forEach(s -> each.removeLabels(prefix(s), owner(s)));
      assertEquals(2, each.table().snapshot().size());
    }
    time.advance(REST);
    assertEquals(
        0,
        allocator.identities().snapshot().stream()
            .filter(row -> Identity.isLocal(row.key()))
            .count());
  }

  private static Map<IpPrefix, Integer> rows(Ipcache ipcache) {
    var rows = new TreeMap<IpPrefix, Integer>();
    ipcache.table().snapshot().forEach(row -> rows.put(row.key(), row.value().identity()));
    return rows;
  }

  private static IpPrefix prefix(int step) {
    int[] lengths = {8, 15, 16, 16, 23, 24, 32, 32};
    int[] addresses = {
      0x0a000000, 0x0a000000, 0x0a000000, 0x0a010000, 0x0a000000, 0x0a000100, 0x0a000101, 0x0b000000
    };
    return new IpPrefix(IpAddress.ofV4(addresses[step & 7]), lengths[step & 7]);
  }

  private static String owner(int step) {
    return "owner-" + ((step >> 3) & 3);
  }

  private static Labels labels(int step) {
    return switch ((step >> 5) & 3) {
      case 1 -> Labels.parse("cidr:" + prefix(step));
      case 2 -> Labels.parse("cidrgroup:g=" + (step >> 7));
      default -> Labels.of(Label.reserved("kube-apiserver"), new Label("fqdn", "f", ""));
    };
  }
}
