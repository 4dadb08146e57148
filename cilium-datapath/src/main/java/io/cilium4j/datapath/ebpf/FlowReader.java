// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.Flow;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.datapath.bpf.RingBuffer;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the programs' events and hands them to whoever subscribed. It reads also when nobody did,
 * so that a later subscriber is not told what happened before it came.
 */
final class FlowReader implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(FlowReader.class);

  private final List<FlowSink> sinks = new CopyOnWriteArrayList<>();
  private final LongAdder malformed = new LongAdder();
  private final RingBuffer ring;

  FlowReader(Path pinnedEvents) {
    this.ring = RingBuffer.openPinned(pinnedEvents, this::onEvent);
  }

  Subscription subscribe(FlowSink sink) {
    sinks.add(sink);
    return () -> sinks.remove(sink);
  }

  /** Events that could not be read, which says that programs and agent are not of one version. */
  long malformed() {
    return malformed.sum();
  }

  private void onEvent(MemorySegment data) {
    if (sinks.isEmpty()) {
      return;
    }
    if (data.byteSize() < EventCodec.LAYOUT.byteSize()) {
      malformed.increment();
      return;
    }
    Flow flow;
    try {
      flow = EventCodec.read(data);
    } catch (IllegalArgumentException e) {
      malformed.increment();
      return;
    }
    sinks.removeIf(sink -> !delivered(sink, flow));
  }

  private static boolean delivered(FlowSink sink, Flow flow) {
    try {
      sink.accept(flow);
      return true;
    } catch (RuntimeException e) {
      LOG.warn("a flow sink failed and is unsubscribed: {}", e.toString());
      return false;
    }
  }

  @Override
  public void close() {
    ring.close();
  }
}
