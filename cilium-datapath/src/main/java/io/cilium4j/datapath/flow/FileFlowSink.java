// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Flow;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.documents.JsonWriter;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Appends flows to a file, a line each, on a thread of its own. */
final class FileFlowSink implements FlowSink {
  private static final Logger LOG = LoggerFactory.getLogger(FileFlowSink.class);

  /** Flows that wait to be written: at about 300 bytes each, 1.2 MB. */
  private static final int MAX_WAITING = 4096;

  private final BlockingQueue<Optional<Item>> waiting = new ArrayBlockingQueue<>(MAX_WAITING);
  private final AtomicLong lost = new AtomicLong();
  private final Thread thread;
  private volatile boolean closed;

  /** A flow, and when it came. */
  private record Item(Flow flow, Instant time) {}

  /** Opens the file, which is made if it is not there. */
  FileFlowSink(Path path) throws IOException {
    BufferedWriter file =
        Files.newBufferedWriter(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    this.thread =
        Thread.ofPlatform().daemon().name("flow-file").start(() -> writeUntilClosed(file, path));
  }

  @Override
  public void accept(Flow flow) {
    if (!closed && !waiting.offer(Optional.of(new Item(flow, Instant.now())))) {
      lost.incrementAndGet();
    }
  }

  private void writeUntilClosed(BufferedWriter file, Path path) {
    try (file) {
      for (Optional<Item> next = waiting.take(); next.isPresent(); next = waiting.take()) {
        file.write(line(next.get()));
        file.newLine();
        if (waiting.isEmpty()) {
          file.flush();
        }
      }
    } catch (IOException e) {
      closed = true;
      waiting.clear();
      LOG.error("flows are not written any more file={} error=\"{}\"", path, e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private String line(Item item) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("time", item.time().toString());
    fields.putAll(FlowLine.fields(item.flow()));
    long left = lost.getAndSet(0);
    if (left > 0) {
      fields.put("lost", left);
    }
    return JsonWriter.write(fields);
  }

  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      waiting.put(Optional.empty());
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
