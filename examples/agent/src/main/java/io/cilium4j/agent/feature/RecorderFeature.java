// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.AgentRecordings;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.api.model.RecorderFilter;
import io.cilium4j.api.model.RecorderSpec;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.recorder.PacketFilter;
import io.cilium4j.datapath.recorder.PacketRecorder;
import io.cilium4j.datapath.recorder.PacketRecorder.Recording;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Recordings of packets that clients of the API ask for. They are kept, and go on after a restart
 * in a new file.
 *
 * <p>Safe for use by several threads.
 */
public final class RecorderFeature implements Feature, AgentRecordings {

  /** Most recordings: with two files of 8 MiB each they take 256 MiB. */
  private static final int MAX_RECORDINGS = 16;

  /** Most bytes of a frame that are kept where nobody says how many: all. */
  private static final int WHOLE_FRAME_BYTES = 262_144;

  private final StoredTable<Long, RecorderSpec> specs;
  private final Path folder;
  private final PacketRecorder recorder;
  private final Map<Long, String> notBegun = new TreeMap<>();

  /** Reads what an earlier run kept, and records nothing yet. */
  public RecorderFeature(FeatureContext context) {
    this.specs = new FileTable<>("recorders", context.folder(), RecorderSpec.class);
    this.folder = context.folder().recordings();
    this.recorder = context.opened().add(new PacketRecorder(context.config().instance()));
  }

  @Override
  public Table<Long, RecorderSpec> table() {
    return specs.table();
  }

  @Override
  public boolean isRunning(long number) {
    return recorder.isRunning(number);
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add("recordings", TableUpkeep.atStart(this::resume));
  }

  private synchronized void resume() {
    specs
        .table()
        .snapshot()
        .forEach(row -> {
          try {
            begin(row.key(), row.value());
          } catch (DatapathException e) {
            notBegun.put(row.key(), String.valueOf(e.getMessage()));
          }
        });
  }

  private void begin(long number, RecorderSpec spec) {
    try {
      Files.createDirectories(
          folder,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    } catch (IOException e) {
      throw new DatapathException("write " + folder + ": " + e.getMessage(), e);
    }
    recorder.put(
        number,
        new Recording(
            file(number),
            spec.filters().stream().map(RecorderFeature::filter).toList(),
            spec.captureLength() == 0
                ? WHOLE_FRAME_BYTES
                : (int) Math.min(spec.captureLength(), WHOLE_FRAME_BYTES)));
  }

  private static PacketFilter filter(RecorderFilter filter) {
    return new PacketFilter(
        prefix(filter.srcPrefix()),
        port(filter.srcPort()),
        prefix(filter.dstPrefix()),
        port(filter.dstPort()),
        Protocol.tryParse(filter.protocol()).map(Protocol::number).orElse(0));
  }

  private static Optional<IpPrefix> prefix(String text) {
    return text.isEmpty() ? Optional.empty() : Optional.of(IpPrefix.parse(text));
  }

  private static int port(String text) {
    return text.isEmpty() ? 0 : Integer.parseInt(text);
  }

  @Override
  public synchronized boolean put(long number, RecorderSpec spec) {
    boolean isNew = specs.table().get(number).isEmpty();
    if (isNew && specs.table().snapshot().size() >= MAX_RECORDINGS) {
      throw new DatapathException("there are " + MAX_RECORDINGS + " recordings, which is the most");
    }
    notBegun.remove(number);
    try {
      begin(number, spec);
    } catch (DatapathException e) {
      var _ = specs.delete(number);
      throw e;
    }
    try {
      return specs.put(number, spec);
    } catch (StorageException e) {
      recorder.remove(number);
      throw e;
    }
  }

  @Override
  public synchronized boolean delete(long number) {
    notBegun.remove(number);
    recorder.remove(number);
    try {
      for (Path file : PacketRecorder.files(file(number))) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      throw new DatapathException("remove " + file(number) + ": " + e.getMessage(), e);
    }
    return specs.delete(number);
  }

  private Path file(long number) {
    return folder.resolve(number + ".pcap");
  }

  @Override
  public synchronized Map<String, String> problems() {
    Map<Long, String> all = new TreeMap<>(notBegun);
    all.putAll(recorder.failures());
    Map<String, String> lines = new TreeMap<>();
    all.forEach((number, why) -> {
      String where = "recording " + number;
      lines.put(where, where + " does not go on: " + why);
    });
    return lines;
  }
}
