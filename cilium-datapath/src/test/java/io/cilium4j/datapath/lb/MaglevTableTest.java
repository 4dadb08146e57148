// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.lb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.Backend.State;
import io.cilium4j.core.service.MaglevParameters;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MaglevTableTest {
  private static final String SEED = MaglevParameters.DEFAULT.hashSeed();

  private static List<Backend> backends(String prefix, int count) {
    return IntStream.rangeClosed(1, count)
        .mapToObj(i -> Backend.active(IpAddress.parse(prefix + Integer.toHexString(i)), 8080))
        .toList();
  }

  private static List<Backend> v4(int count) {
    IpAddress first = IpAddress.parse("10.0.1.0");
    return IntStream.rangeClosed(1, count)
        .mapToObj(i -> Backend.active(first.plus(i), 8080))
        .toList();
  }

  private static MaglevTable table(List<Backend> backends, int size) {
    return new MaglevTable(backends, new MaglevParameters(size, SEED));
  }

  @ParameterizedTest
  @CsvSource({"251, 3", "251, 251", "1021, 10", "1021, 100", "16381, 7", "131071, 1000"})
  void slots_ofAnyTable_areSharedEvenly(int size, int count) {
    for (List<Backend> backends : List.of(v4(count), backends("fd00::", count))) {
      List<Backend> slots = table(backends, size).slots();
      assertEquals(size, slots.size());
      Map<Backend, Long> shares =
          slots.stream().collect(Collectors.groupingBy(Function.identity(), Collectors.counting()));
      assertEquals(new HashSet<>(backends), shares.keySet());
      assertTrue(
          Collections.max(shares.values()) - Collections.min(shares.values()) <= 1,
          shares::toString);
    }
  }

  /** What is gone had a tenth; of the rest of the slots few have got another owner. */
  @ParameterizedTest
  @ValueSource(ints = {251, 1021, 16381})
  void slots_oneOfTenBackendsGoes_areTheOthersAsBefore(int size) {
    List<Backend> all = v4(10);
    List<Backend> before = table(all, size).slots();
    for (Backend gone : all) {
      List<Backend> others = all.stream().filter(each -> !each.equals(gone)).toList();
      List<Backend> after = table(others, size).slots();
      long kept = before.stream().filter(each -> !each.equals(gone)).count();
      long moved =
          IntStream.range(0, size)
              .filter(i -> !before.get(i).equals(gone) && !before.get(i).equals(after.get(i)))
              .count();
      assertTrue(moved <= kept * 15 / 100, () -> gone + ": " + moved + " of " + kept);
      assertTrue(moved > 0, "no table is so good: nothing was compared");
    }
  }

  @Test
  void slots_orderAndStateOfBackends_doNotMatter() {
    List<Backend> all = v4(20);
    List<Backend> shuffled = new ArrayList<>(all);
    Collections.shuffle(shuffled, new Random(7));
    assertNotEquals(all, shuffled);
    assertEquals(table(all, 1021).slots(), table(shuffled, 1021).slots());
    assertEquals(table(all, 1021).digest(), table(shuffled, 1021).digest());
    List<Backend> terminating =
        all.stream()
            .map(each -> new Backend(each.address(), each.port(), State.TERMINATING))
            .toList();
    assertEquals(table(all, 1021).digest(), table(terminating, 1021).digest());
    assertEquals(
        table(all, 1021).slots().stream().map(Backend::address).toList(),
        table(terminating, 1021).slots().stream().map(Backend::address).toList());
  }

  /** Another release that chose otherwise would move clients while a cluster is upgraded. */
  @Test
  void slots_ofTheseBackends_areForeverThese() {
    List<Backend> slots = table(v4(3), 251).slots();
    String text =
        slots.stream()
            .limit(24)
            .map(each -> String.valueOf(each.address().bytes()[3]))
            .collect(Collectors.joining());
    assertEquals("223121331213212132123323", text);
    assertEquals("3476db00fa4e955c", table(v4(3), 251).digest());
  }

  @Test
  void digest_ofAnotherTable_isAnotherOne() {
    var other = new MaglevParameters(1021, "AAAAAAAAAAAAAAAA");
    List<String> digests =
        List.of(
            table(v4(3), 1021).digest(),
            table(v4(4), 1021).digest(),
            table(v4(3), 2039).digest(),
            new MaglevTable(v4(3), other).digest(),
            table(v4(3).stream().map(each -> Backend.active(each.address(), 8081)).toList(), 1021)
                .digest());
    assertEquals(digests.size(), new HashSet<>(digests).size(), digests::toString);
    assertNotEquals(table(v4(3), 1021).slots(), new MaglevTable(v4(3), other).slots());
  }

  @Test
  void table_ofNobodyOrTooMany_isRefused() {
    assertThrows(IllegalArgumentException.class, () -> table(List.of(), 251));
    assertThrows(IllegalArgumentException.class, () -> table(v4(252), 251));
  }

  @Test
  void parameters_thatAreNone_areRefusedInOneLine() {
    var size = assertThrows(IllegalArgumentException.class, () -> new MaglevParameters(1000, SEED));
    assertEquals(
        "Maglev table of 1000 slots: wanted one of " + MaglevParameters.TABLE_SIZES,
        size.getMessage());
    for (String seed : List.of("", "AAAA", "no base64 at all", "AAAAAAAAAAAAAAAAAAAA")) {
      var wrong =
          assertThrows(IllegalArgumentException.class, () -> new MaglevParameters(1021, seed));
      assertEquals(
          "Maglev hash seed \"" + seed + "\": wanted 12 bytes in base64", wrong.getMessage());
    }
  }
}
