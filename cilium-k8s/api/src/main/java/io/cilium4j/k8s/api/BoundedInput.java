// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.k8s.api.ApiClient.Streamed;
import java.io.FilterInputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * A stream of objects of which no one is larger than {@link #MAX_BYTES}, and that ends when nothing
 * comes for a while. One that ends so gives up its connection: nothing else would come on it
 * either.
 */
final class BoundedInput extends FilterInputStream {

  /** Largest object with what is read ahead; the server's own store takes 1.5 MiB. */
  private static final int MAX_BYTES = 2 << 20;

  private final Streamed stream;
  private final Duration patience;
  private int sinceMark;
  private volatile boolean isWaiting;
  private volatile long waitsSinceNanos;
  private volatile boolean isSilent;
  private final CompletableFuture<Void> end = new CompletableFuture<>();

  BoundedInput(Streamed stream, Duration patience) {
    super(stream.in());
    this.stream = stream;
    this.patience = patience;
    look();
  }

  /**
   * Looks a few times as often as it would have to, so that one timer serves any number of reads.
   */
  private void look() {
    long pieceNanos = patience.toNanos() / 5;
    var _ =
        new CompletableFuture<Void>()
            .completeOnTimeout(null, pieceNanos, TimeUnit.NANOSECONDS)
            .thenRun(() -> {
              if (end.isDone()) {
                return;
              }
              if (isWaiting && System.nanoTime() - waitsSinceNanos >= patience.toNanos()) {
                Thread.ofVirtual().start(this::probe);
              } else {
                look();
              }
            });
  }

  private void probe() {
    if (stream.isAlive().getAsBoolean()) {
      waitsSinceNanos = System.nanoTime();
      look();
    } else if (!end.isDone()) {
      isSilent = true;
      // First, so that whoever sees the end does not take the same connection again.
      stream.giveUp().run();
      stream.close();
    }
  }

  /** An object was read; what comes is another. */
  void mark() {
    sinceMark = 0;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] buffer, int from, int length) throws IOException {
    if (sinceMark > MAX_BYTES) {
      throw new IOException("an object of more than " + MAX_BYTES + " bytes");
    }
    waitsSinceNanos = System.nanoTime();
    isWaiting = true;
    try {
      int read = super.read(buffer, from, length);
      sinceMark += Math.max(0, read);
      return read;
    } catch (IOException e) {
      throw isSilent ? new IOException("nothing came for " + patience.toSeconds() + " s", e) : e;
    } finally {
      isWaiting = false;
    }
  }

  @Override
  public void close() throws IOException {
    end.complete(null);
    super.close();
  }
}
