// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class IndexTest {

  private record Pod(String name, List<String> addresses) {}

  private static final Index<String, Pod> BY_ADDRESS = Index.of("address", Pod::addresses);
  private static final Index<String, Pod> BY_NAME = Index.of("pod", pod -> List.of(pod.name()));

  private final TableWriter<Integer, Pod> writer =
      TableWriter.create("pods", Comparator.naturalOrder(), Set.of(), List.of(BY_ADDRESS, BY_NAME));

  private List<Integer> named(String name) {
    return writer.table().snapshot().rows(BY_NAME, name).stream().map(Row::key).toList();
  }

  private List<Integer> at(String address) {
    return writer.table().snapshot().rows(BY_ADDRESS, address).stream().map(Row::key).toList();
  }

  @Test
  void rows_ofSeveralRows_areAllThatHaveTheThing() {
    writer.put(2, new Pod("a", List.of("10.0.0.2")));
    writer.put(1, new Pod("a", List.of("10.0.0.1", "fd00::1")));
    assertEquals(List.of(1, 2), named("a"));
    assertEquals(List.of(1), at("fd00::1"));
    assertEquals(List.of(), named("b"));
    assertEquals(List.of(), at("10.0.0.3"));
  }

  @Test
  void rows_ofAChangedRow_followItsValue() {
    writer.put(1, new Pod("a", List.of("10.0.0.1", "fd00::1")));
    writer.put(1, new Pod("b", List.of("10.0.0.1", "fd00::2")));
    assertEquals(List.of(), named("a"));
    assertEquals(List.of(1), named("b"));
    assertEquals(List.of(1), at("10.0.0.1"));
    assertEquals(List.of(), at("fd00::1"));
    writer.remove(1);
    assertEquals(List.of(), named("b"));
    assertEquals(List.of(), at("10.0.0.1"));
  }

  @Test
  void write_thingThatIsGivenUpInTheSameWrite_isTaken() {
    writer.put(1, new Pod("a", List.of("10.0.0.1")));
    writer.write(batch -> {
      batch.remove(1);
      batch.put(2, new Pod("b", List.of("10.0.0.1")));
    });
    assertEquals(List.of(2), at("10.0.0.1"));
  }

  @Test
  void rows_ofAnIndexOfAnotherTable_areRefused() {
    Index<String, Pod> other = Index.of("other", Pod::addresses);
    assertThrows(IllegalArgumentException.class, () -> writer.table().snapshot().rows(other, "a"));
  }

  /** The indexes of every snapshot say what its rows say. */
  @Test
  void rows_afterRandomWrites_areThoseThatAScanFinds() {
    var random = new Random(7);
    for (int i = 0; i < 2_000; i++) {
      int key = random.nextInt(10);
      if (random.nextInt(3) == 0) {
        writer.remove(key);
      } else {
        var pod = new Pod("p" + random.nextInt(4), List.of("10.0.0." + random.nextInt(15)));
        writer.put(key, pod);
      }
      Snapshot<Integer, Pod> snapshot = writer.table().snapshot();
      for (int name = 0; name < 4; name++) {
        String wanted = "p" + name;
        assertEquals(
            snapshot.stream().filter(row -> row.value().name().equals(wanted)).toList(),
            snapshot.rows(BY_NAME, wanted));
      }
      for (int address = 0; address < 15; address++) {
        String wanted = "10.0.0." + address;
        assertEquals(
            snapshot.stream().filter(row -> row.value().addresses().contains(wanted)).toList(),
            snapshot.rows(BY_ADDRESS, wanted));
      }
    }
  }
}
