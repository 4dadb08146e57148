// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import java.util.List;

/** The user-space datapath without devices: what it decides, and what it would send. */
public final class Twin {
  private final Limits limits;
  private final PacketDecider decider;

  /** One that knows nothing, on the machine's own clock. */
  public Twin(Limits limits) {
    this(limits, Routing.NETWORK);
  }

  /** As above, on a node that reaches others so. */
  public Twin(Limits limits, Routing routing) {
    this.limits = limits;
    this.decider =
        new PacketDecider(
            System::nanoTime,
            _ -> {},
            new Counters(),
            limits.conntrackEntries(),
            new PacketDecider.Choices(NoBackendResponse.REJECT, routing.tunnel(), Tracing.CHANGES));
  }

  /** Brings its state in line with a batch. */
  public void apply(List<Change<RowKey, Row>> change) {
    decider.setState(decider.state().after(change, limits));
  }

  /**
   * What becomes of a frame.
   *
   * @param frame as it goes on, or the answer to what is refused
   */
  @SuppressWarnings("ArrayRecordComponent") // Compared by nobody.
  public record Outcome(Decision decision, byte[] frame) {}

  /** Decides a frame, which stays as it is. */
  public Outcome decide(byte[] frame, Origin origin) {
    ByteBuffer view = ByteBuffer.wrap(frame.clone());
    Decision decision = decider.decide(view, FrameKind.PLAIN, origin);
    if (decision instanceof Decision.ToEndpoint(Endpoint endpoint, boolean routed)) {
      if (routed) {
        FrameRewriter.decrementHopLimit(view);
      }
      FrameRewriter.readdress(view, endpoint.device().podMac(), endpoint.device().hostMac());
    }
    if (decision instanceof Decision.ToNode to && to.routed()) {
      FrameRewriter.decrementHopLimit(view);
    }
    if (decision instanceof Decision.Drop drop && drop.refusal().isPresent()) {
      Refusal refusal = drop.refusal().get();
      view = ByteBuffer.wrap(refusal.frame());
      EndpointInterface device = refusal.receiver().device();
      FrameRewriter.readdress(view, device.podMac(), device.hostMac());
    }
    return new Outcome(decision, view.array());
  }
}
