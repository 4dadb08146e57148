// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.state.StateFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What every {@link StateFile} that keeps anything must do. */
public abstract class StateFileConformance {

  /** Opens the file anew, as the next process does: each call gives one for the same content. */
  protected abstract StateFile open() throws Exception;

  /** For the implementation's test class. */
  protected StateFileConformance() {}

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private void assertHolds(byte[] content) throws Exception {
    assertArrayEquals(content, open().read().orElseThrow());
  }

  @Test
  void read_atTheVeryFirstStart_isEmptyAndNothingIsAside() throws Exception {
    assertEquals(Optional.empty(), open().read());
    assertEquals(Optional.empty(), open().aside());
  }

  @Test
  void write_anyBytes_areReadBackByTheNextProcess() throws Exception {
    byte[] content = new byte[100_000];
    new Random(1).nextBytes(content);
    open().write(content);
    assertHolds(content);
    open().write(new byte[0]);
    assertHolds(new byte[0]);
  }

  @Test
  void write_again_takesThePlaceOfTheWhole() throws Exception {
    StateFile file = open();
    file.write(bytes("something long"));
    file.write(bytes("short"));
    file.write(bytes("short"));
    assertHolds(bytes("short"));
  }

  /** What was handed out or in is the caller's: nobody sees what he makes of it later. */
  @Test
  void write_bufferIsReusedByTheCaller_keepsWhatItWas() throws Exception {
    StateFile file = open();
    byte[] buffer = bytes("first");
    file.write(buffer);
    buffer[0] = 'w';
    file.read().orElseThrow()[0] = 'x';
    assertHolds(bytes("first"));
  }

  @Test
  void delete_isAsIfNothingEverWas() throws Exception {
    open().delete();
    open().write(bytes("content"));
    open().delete();
    assertEquals(Optional.empty(), open().read());
    assertEquals(Optional.empty(), open().aside());
  }

  @Test
  void setAside_contentIsNotReadAgainAndIsToldOverRestarts() throws Exception {
    open().write(bytes("damaged"));
    open().setAside();
    assertEquals(Optional.empty(), readOrNothing());
    String aside = open().aside().orElseThrow();
    assertEquals(1, aside.lines().count());
    open().write(bytes("new"));
    assertHolds(bytes("new"));
    assertEquals(Optional.of(aside), open().aside(), "until somebody removes it");
    open().setAside();
    assertEquals(Optional.of(aside), open().aside(), "the newer in place of the older");
  }

  @Test
  void setAside_nothingThere_neverFailsAndTellsNothing() throws Exception {
    open().setAside();
    assertTrue(open().aside().isEmpty());
  }

  /** One whose absence is a loss may say so. */
  private Optional<byte[]> readOrNothing() throws Exception {
    try {
      return open().read();
    } catch (IOException _) {
      return Optional.empty();
    }
  }
}
