// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What is to be done before the first policy that redirects anything takes effect.
 *
 * <p>Safe for use by several threads.
 */
public final class FirstRedirect {

  private final AtomicReference<@Nullable Runnable> action = new AtomicReference<>();

  /** Nothing is to be done yet. */
  public FirstRedirect() {}

  /** Has this be done, in the place of what was to be done before. */
  public void set(Runnable next) {
    action.set(next);
  }

  /** Whether there is something to be done before a batch takes effect. */
  public boolean isDueFor(List<Change<RowKey, Row>> changes) {
    return action.get() != null && changes.stream().anyMatch(FirstRedirect::redirects);
  }

  /** Does it, once. */
  public void run() {
    Runnable due = action.getAndSet(null);
    if (due != null) {
      due.run();
    }
  }

  private static boolean redirects(Change<RowKey, Row> change) {
    if (!(change instanceof Change.Put<RowKey, Row>(_, EndpointRow row, _))) {
      return false;
    }
    var found = new boolean[1];
    row.policy().forEach((_, entry) -> found[0] |= entry.verdict() == Verdict.REDIRECTED);
    return found[0];
  }
}
