// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.state;

import java.util.ArrayDeque;
import java.util.Deque;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What was opened, to be closed in the reverse order; one that fails does not keep the others. */
public final class Resources implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Resources.class);

  private final Deque<AutoCloseable> resources = new ArrayDeque<>();
  private final Deque<AutoCloseable> ifFailed = new ArrayDeque<>();

  /** Notes a resource, and gives it back. */
  public <T extends AutoCloseable> T add(T resource) {
    resources.push(resource);
    return resource;
  }

  /** Notes what is done first where the whole does not come about. */
  public void ifFailed(AutoCloseable task) {
    ifFailed.push(task);
  }

  /** Closes everything since the whole does not come about. */
  public void fail() {
    close(ifFailed);
    close();
  }

  @Override
  public void close() {
    close(resources);
  }

  private static void close(Deque<AutoCloseable> all) {
    for (AutoCloseable each = all.poll(); each != null; each = all.poll()) {
      try {
        each.close();
      } catch (Exception e) {
        if (e instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
        LOG.warn("close failed resource={} error=\"{}\"", each, e.toString());
      }
    }
  }
}
