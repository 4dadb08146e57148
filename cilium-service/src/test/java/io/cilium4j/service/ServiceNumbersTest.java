// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.state.StateFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers are each one's own, and stay over a restart. */
class ServiceNumbersTest {
  private static final FrontendKey ONE = key("10.96.0.1", 80);
  private static final FrontendKey TWO = key("fd00:96::1", 80);

  /** A content that outlives those who read it, and refuses to be written on demand. */
  private static final class HeldFile implements StateFile {
    byte @Nullable [] content;
    boolean isFull;
    boolean isAside;

    @Override
    public Optional<byte[]> read() {
      return Optional.ofNullable(content);
    }

    @Override
    public void write(byte[] bytes) throws IOException {
      if (isFull) {
        throw new IOException("no room");
      }
      content = bytes;
    }

    @Override
    public void delete() {
      content = null;
    }

    @Override
    public void setAside() {
      content = null;
      isAside = true;
    }

    @Override
    public Optional<String> aside() {
      return Optional.empty();
    }
  }

  private final HeldFile file = new HeldFile();

  private static FrontendKey key(String address, int port) {
    return new FrontendKey(IpAddress.parse(address), port, Protocol.TCP);
  }

  private ServiceNumbers open(Long... chosen) {
    return new ServiceNumbers(file, Set.of(chosen));
  }

  @Test
  void numbers_afterARestart_areTheSame() {
    ServiceNumbers numbers = open();
    assertTrue(numbers.choose(1));
    assertEquals(OptionalInt.of(2), numbers.of(ONE));
    assertEquals(OptionalInt.of(3), numbers.of(TWO));
    numbers.save();
    ServiceNumbers again = open(1L);
    assertEquals(OptionalInt.of(3), again.of(TWO));
    assertEquals(OptionalInt.of(2), again.of(ONE));
    assertEquals(OptionalInt.of(4), again.of(key("10.96.0.1", 81)));
  }

  /** Whoever is gone is so once everybody is known. */
  @Test
  void number_ofOneThatIsGone_isGivenBack() {
    ServiceNumbers numbers = open();
    assertEquals(OptionalInt.of(1), numbers.of(ONE));
    assertEquals(OptionalInt.of(2), numbers.of(TWO));
    numbers.save();
    ServiceNumbers again = open();
    assertFalse(again.choose(1), "of one that may come yet");
    again.retain(Set.of(TWO));
    assertTrue(again.choose(1));
    assertEquals(OptionalInt.of(3), again.of(ONE));
  }

  @Test
  void number_thatTheApiChose_isNobodyElses() {
    ServiceNumbers numbers = open(1L, 2L);
    assertEquals(OptionalInt.of(3), numbers.of(ONE));
    assertFalse(numbers.choose(3));
    assertTrue(numbers.choose(2), "its own is chosen again");
    numbers.save();
    assertEquals(OptionalInt.of(4), open(3L).of(ONE), "it was chosen while the agent was away");
  }

  @Test
  void number_givenBack_isGivenAgainLast() {
    ServiceNumbers numbers = open();
    assertEquals(OptionalInt.of(1), numbers.of(ONE));
    numbers.release(ONE);
    assertEquals(OptionalInt.of(2), numbers.of(ONE));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{", "{\"x\": 1}", "{\"10.96.0.1 80/TCP\": 0}", "{\"10.96.0.1 0/TCP\": 7}"})
  void file_damaged_isSetAsideAndTheNumbersAreNew(String content) {
    file.content = content.getBytes(StandardCharsets.UTF_8);
    assertTrue(open().of(TWO).isPresent());
    assertTrue(file.isAside);
  }

  @Test
  void file_cannotBeWritten_isToldAndTriedAgain() {
    file.isFull = true;
    ServiceNumbers numbers = open();
    assertEquals(OptionalInt.of(1), numbers.of(ONE));
    numbers.save();
    assertTrue(numbers.problem().orElse("").startsWith("write "), numbers.problem().toString());
    file.isFull = false;
    numbers.save();
    assertTrue(numbers.problem().isEmpty());
    assertEquals(OptionalInt.of(1), open().of(ONE));
  }
}
