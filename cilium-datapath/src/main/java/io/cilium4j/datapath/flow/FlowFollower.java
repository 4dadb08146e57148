// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.state.Lifecycle;
import org.jspecify.annotations.Nullable;

/** The datapath's reports, as long as the agent runs. */
public final class FlowFollower implements Lifecycle.Part {
  private final Datapath datapath;
  private final FlowLog flows;
  private @Nullable Subscription subscription;

  public FlowFollower(Datapath datapath, FlowLog flows) {
    this.datapath = datapath;
    this.flows = flows;
  }

  @Override
  public void start() {
    subscription = datapath.subscribe(flows);
  }

  @Override
  public void stop() {
    if (subscription != null) {
      subscription.close();
    }
  }
}
