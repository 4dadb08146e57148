// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Flow;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSource.Subscription;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries flows from the threads that decide packets to the subscribers, on a thread of its own.
 * When that one does not keep up, flows are lost and counted; packets never wait for it.
 */
final class FlowReporter implements FlowSink, AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(FlowReporter.class);

  /** Flows on their way to the subscribers: some 40 endpoints at their limit for a second. */
  private static final int QUEUE_CAPACITY = 4096;

  private final BlockingQueue<Flow> queue = new ArrayBlockingQueue<>(QUEUE_CAPACITY);
  private final List<Subscriber> subscribers = new CopyOnWriteArrayList<>();
  private final AtomicLong lost = new AtomicLong();
  private final Thread reader;

  FlowReporter(String instance) {
    this.reader =
        Thread.ofPlatform().name(instance + "-flows").daemon().unstarted(this::readUntilClosed);
    reader.start();
  }

  /** Hands a flow on without waiting. */
  @Override
  public void accept(Flow flow) {
    if (!subscribers.isEmpty() && !queue.offer(flow)) {
      lost.incrementAndGet();
    }
  }

  /** A subscription; the same sink may have several, each ended for itself. */
  private final class Subscriber implements Subscription {
    private final FlowSink sink;

    private Subscriber(FlowSink sink) {
      this.sink = sink;
    }

    private void deliver(Flow flow) {
      try {
        sink.accept(flow);
      } catch (RuntimeException e) {
        LOG.warn("a flow subscriber failed", e);
      }
    }

    @Override
    public void close() {
      subscribers.remove(this);
    }
  }

  Subscription subscribe(FlowSink sink) {
    Subscriber subscriber = new Subscriber(sink);
    subscribers.add(subscriber);
    return subscriber;
  }

  /** Flows that no subscriber got to see because the reader was behind. */
  long lost() {
    return lost.get();
  }

  /** Ends the reader; flows still on their way are not delivered. */
  @Override
  public void close() {
    subscribers.clear();
    reader.interrupt();
  }

  private void readUntilClosed() {
    try {
      while (true) {
        Flow flow = queue.take();
        subscribers.forEach(subscriber -> subscriber.deliver(flow));
      }
    } catch (InterruptedException e) {
      LOG.debug("flow reader ends");
    }
  }
}
