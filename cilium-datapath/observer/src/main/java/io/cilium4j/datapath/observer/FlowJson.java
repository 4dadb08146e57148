// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.flow.Ring;
import java.util.ArrayList;
import java.util.List;

/** Flows in the JSON of the protocol, for readers without gRPC. Safe for use by several threads. */
public final class FlowJson {
  private final JsonFormat.Printer printer =
      JsonFormat.printer().omittingInsignificantWhitespace().preservingProtoFieldNames();
  private final Ring<ReportedFlow> ring;
  private final FlowMessages messages;

  /** Reads what an observer of this configuration serves. */
  public FlowJson(ObserverConfig config) {
    this.ring = config.flows().ring();
    this.messages = new Observer(config).messages();
  }

  /**
   * What a reader gets.
   *
   * @param next the number from which it reads on
   * @param lost how many it wanted that are not kept any more
   * @param flows an object of JSON each: its number, and the flow as the protocol has it
   */
  public record Batch(long next, long lost, List<String> flows) {
    public Batch {
      flows = List.copyOf(flows);
    }
  }

  /**
   * Some flows from a number on; does not wait.
   *
   * @param from the first that is wanted, or 0 for the oldest that is kept
   * @param atMost how many at most
   */
  public Batch read(long from, int atMost) {
    Ring.Batch<ReportedFlow> batch = ring.read(Math.max(1, from), atMost);
    long first = Math.max(1, from) + batch.lost();
    List<String> flows = new ArrayList<>();
    for (ReportedFlow each : batch.items()) {
      flows.add("{\"number\":" + each.number() + ",\"flow\":" + json(each) + "}");
    }
    return new Batch(first + batch.items().size(), from == 0 ? 0 : batch.lost(), flows);
  }

  private String json(ReportedFlow flow) {
    try {
      return printer.print(messages.message(flow));
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a flow that is no message", e); // Only of an Any field.
    }
  }
}
