// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.k8s.api.ApiClient.Streamed;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class BoundedInputTest {
  private static final Duration SHORT = Duration.ofMillis(50);

  /** Nothing comes, until it is closed, as from the HTTP client. */
  private static final class Silent extends InputStream {
    private final CountDownLatch closed = new CountDownLatch(1);

    @Override
    public int read() throws IOException {
      try {
        closed.await();
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      throw new IOException("closed");
    }

    @Override
    public int read(byte[] buffer, int from, int length) throws IOException {
      return read();
    }

    @Override
    public void close() {
      closed.countDown();
    }
  }

  @Test
  void read_nothingComesAndTheServerAnswers_goesOnWaiting() throws Exception {
    var asked = new CountDownLatch(2);
    var source = new PipedOutputStream();
    var stream =
        new Streamed(
            new PipedInputStream(source),
            () -> {
              asked.countDown();
              return true;
            },
            () -> {});
    try (var in = new BoundedInput(stream, SHORT)) {
      Thread.ofVirtual()
          .start(() -> {
            try {
              assertTrue(asked.await(20, TimeUnit.SECONDS));
              source.write(7);
              source.flush();
            } catch (IOException | InterruptedException e) {
              throw new IllegalStateException(e);
            }
          });
      assertEquals(7, in.read());
    }
  }

  @Test
  void read_nothingComesAndNobodyAnswers_endsAndGivesTheConnectionUp() throws Exception {
    var givenUp = new AtomicInteger();
    var stream = new Streamed(new Silent(), () -> false, givenUp::incrementAndGet);
    try (var in = new BoundedInput(stream, SHORT)) {
      assertThrows(IOException.class, in::read);
    }
    assertEquals(1, givenUp.get());
  }

  @Test
  void read_moreThanAnObjectMayHave_isRefusedUnlessItIsAnother() throws Exception {
    byte[] bytes = new byte[3 << 20];
    var stream = new Streamed(new ByteArrayInputStream(bytes), () -> true, () -> {});
    try (var in = new BoundedInput(stream, Duration.ofMinutes(1))) {
      in.mark();
      assertThrows(IOException.class, in::readAllBytes);
    }
    var other = new Streamed(new ByteArrayInputStream(bytes), () -> true, () -> {});
    try (var in = new BoundedInput(other, Duration.ofMinutes(1))) {
      byte[] half = in.readNBytes(bytes.length / 2);
      in.mark();
      assertArrayEquals(half, in.readNBytes(bytes.length / 2));
    }
  }
}
