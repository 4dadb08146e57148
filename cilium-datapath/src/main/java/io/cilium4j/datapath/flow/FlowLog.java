// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Flow;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.spi.FlowSink;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The last flows that the datapath reported. A flow's rule is looked up when the flow arrives,
 * since a rule's cookie means nothing any more once the rule is gone.
 */
public final class FlowLog implements FlowSink {
  private static final Logger LOG = LoggerFactory.getLogger(FlowLog.class);

  /** How many flows are kept: at about 300 bytes each, 1.2 MB. */
  private static final int MAX_FLOWS = 4096;

  private final IntFunction<Optional<RuleOrigin>> rules;
  private final ReentrantLock lock = new ReentrantLock();

  /** The oldest first. Guarded by the lock. */
  private final Deque<ReportedFlow> flows = new ArrayDeque<>();

  private final List<Consumer<? super ReportedFlow>> listeners = new CopyOnWriteArrayList<>();

  private final Predicate<Flow> wanted;

  /**
   * @param rules finds the rule behind a cookie
   * @param wanted which flows anybody wants to hear of
   */
  public FlowLog(IntFunction<Optional<RuleOrigin>> rules, Predicate<Flow> wanted) {
    this.rules = rules;
    this.wanted = wanted;
  }

  @Override
  public void accept(Flow flow) {
    if (!wanted.test(flow)) {
      return;
    }
    var reported = new ReportedFlow(flow, ruleOf(flow.cookie()));
    lock.lock();
    try {
      if (flows.size() == MAX_FLOWS) {
        flows.removeFirst();
      }
      flows.addLast(reported);
    } finally {
      lock.unlock();
    }
    for (Consumer<? super ReportedFlow> listener : listeners) {
      try {
        listener.accept(reported);
      } catch (RuntimeException e) {
        LOG.warn("flow listener failed error=\"{}\"", e.toString());
      }
    }
  }

  private RuleOrigin ruleOf(int cookie) {
    return cookie == 0
        ? RuleOrigin.DEFAULT_DENY
        : rules.apply(cookie).orElseGet(() -> new RuleOrigin(cookie, "", "a rule that is gone"));
  }

  /** The flows that are kept, the oldest first. */
  public List<ReportedFlow> flows() {
    lock.lock();
    try {
      return List.copyOf(flows);
    } finally {
      lock.unlock();
    }
  }

  /** Calls the listener for each flow from now on, on the datapath's thread. */
  public void listen(Consumer<? super ReportedFlow> listener) {
    listeners.add(listener);
  }

  /** Ends that. */
  public void unlisten(Consumer<? super ReportedFlow> listener) {
    listeners.remove(listener);
  }
}
