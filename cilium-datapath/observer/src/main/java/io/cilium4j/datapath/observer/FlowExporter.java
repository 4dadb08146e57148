// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.FieldMask;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.flow.Ring;
import io.cilium4j.datapath.observer.proto.ExportEvent;
import io.cilium4j.datapath.observer.proto.Flow;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.GetFlowsResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes flows to a file as they come, each an object of JSON on a line, in the form that {@code
 * hubble observe --input-file} reads; and the agent's events where no filter says which flows are
 * wanted, of which none is. A reader of the log like any other: if it is too slow, a line tells how
 * many flows it lost. Where the file cannot be written, {@link FlowLog#problems} says so, and it is
 * tried again.
 */
public final class FlowExporter implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(FlowExporter.class);

  /** How long it waits for flows before it looks whether it is to end. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  private static final int STEP = 256;

  /** Where a problem of it shows. */
  private static final String PROBLEM = "hubble-export-file-path";

  private final ExportConfig config;
  private final Observer observer;
  private final FlowLog flows;
  private final Ring<ReportedFlow> ring;
  private final Ring<AgentNotes.Entry> events;
  private final Predicate<ReportedFlow> wanted;
  private final UnaryOperator<Flow> mask;
  private final JsonFormat.Printer printer =
      JsonFormat.printer().omittingInsignificantWhitespace().preservingProtoFieldNames();
  private final RotatedFile file;
  private final Thread thread;
  private volatile boolean closed;

  private FlowExporter(ExportConfig config, ObserverConfig served, Clock clock) throws IOException {
    this.config = config;
    this.observer = new Observer(served);
    this.flows = served.flows();
    this.ring = flows.ring();
    this.events = served.events().ring();
    this.wanted =
        FlowFilters.wanted(
            filters("allowlist", config.allowed()),
            filters("denylist", config.denied()),
            observer.messages());
    this.mask = FlowMask.of(FieldMask.newBuilder().addAllPaths(config.fields()).build());
    this.file = new RotatedFile(config, clock);
    long next = ring.added() + 1;
    long nextEvent = events.added() + 1;
    this.thread =
        Thread.ofPlatform().daemon().name("flow-export").start(() -> export(next, nextEvent));
  }

  /**
   * Starts to write what happens from now on.
   *
   * @throws IOException if the file cannot be opened
   * @throws IllegalArgumentException with a line for people if a filter or a field is none
   */
  public static FlowExporter start(ExportConfig config, ObserverConfig served) throws IOException {
    return new FlowExporter(config, served, Clock.systemUTC());
  }

  /** Objects of JSON, one behind another. */
  private static List<FlowFilter> filters(String name, String text) {
    List<FlowFilter> filters = new ArrayList<>();
    for (String each : JsonObjects.split(text)) {
      var filter = FlowFilter.newBuilder();
      try {
        JsonFormat.parser().merge(each, filter);
      } catch (InvalidProtocolBufferException e) {
        throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
      }
      filters.add(filter.build());
    }
    return filters;
  }

  private void export(long from, long fromEvent) {
    long next = from;
    long nextEvent = fromEvent;
    boolean fails = false;
    try {
      while (true) {
        try {
          if (fails) {
            file.reopen();
          }
          Ring.Batch<ReportedFlow> batch = ring.read(next, STEP);
          Ring.Batch<AgentNotes.Entry> noted = events.read(nextEvent, STEP);
          write(batch, noted.items());
          next += batch.lost() + batch.items().size();
          nextEvent += noted.lost() + noted.items().size();
          if (fails) {
            fails = false;
            flows.note(PROBLEM, Optional.empty());
            LOG.info("flows are exported again file={}", config.file());
          }
          if (batch.items().isEmpty() && noted.items().isEmpty()) {
            if (closed) {
              return;
            }
            ring.await(next, LOOK);
          }
        } catch (IOException e) {
          flows.note(PROBLEM, Optional.of(config.file() + ": flows are not exported: " + e));
          if (!fails) {
            LOG.error("flows are not exported file={} error=\"{}\"", config.file(), e.toString());
          }
          if (closed) {
            return;
          }
          fails = true;
          Thread.sleep(LOOK);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** All of it, or none as far as anybody reads. */
  private void write(Ring.Batch<ReportedFlow> batch, List<AgentNotes.Entry> noted)
      throws IOException {
    if (batch.lost() > 0) {
      write(observer.lost(batch.lost()));
    }
    for (ReportedFlow flow : batch.items()) {
      if (wanted.test(flow)) {
        write(observer.answer(mask.apply(observer.messages().message(flow))));
      }
    }
    for (AgentNotes.Entry each : config.allowed().isBlank() ? noted : List.<AgentNotes.Entry>of()) {
      write(
          ExportEvent.newBuilder()
              .setNodeName(observer.messages().node())
              .setTime(FlowMessages.timestamp(each.time()))
              .setAgentEvent(AgentMessages.message(each.note())));
    }
    file.flush();
  }

  private void write(GetFlowsResponse answer) throws IOException {
    var event = ExportEvent.newBuilder().setNodeName(answer.getNodeName());
    if (answer.hasTime()) {
      event.setTime(answer.getTime());
    }
    if (answer.hasFlow()) {
      event.setFlow(answer.getFlow());
    } else {
      event.setLostEvents(answer.getLostEvents());
    }
    write(event);
  }

  private void write(ExportEvent.Builder event) throws IOException {
    file.write((printer.print(event) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  /** Writes what was reported until now, and ends. */
  @Override
  public void close() {
    closed = true;
    try {
      thread.join();
      file.close();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      LOG.warn("export not closed well file={} error=\"{}\"", config.file(), e.toString());
    }
  }
}
