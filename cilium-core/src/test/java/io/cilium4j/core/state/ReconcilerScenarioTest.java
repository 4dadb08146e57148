// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Runs the text files beside this class against a real table and reconciler; time is moved by hand.
 * The table remembers two removals. A line is a command; one that ends with {@code :} is followed
 * by the indented lines it expects.
 *
 * <pre>
 *   put K V / remove K       change the table        together: ... (indented) several at once
 *   synced                   the table's one input has delivered
 *   fault K TEXT / heal K    updates and deletes of K fail with TEXT, or no longer do
 *   fault batch|prune TEXT / heal batch|prune        the same for a whole batch, for prune
 *   stray K V                a stranger puts a row into the target
 *   run / advance MILLIS     run what is due now, or let time pass
 *   refresh / stop           as the reconciler's methods
 *   ops: / status: / target: what was called since the last look; the statuses; the target
 *   realised N yes|no / realised-row K N yes|no / prune-error [TEXT]
 * </pre>
 */
class ReconcilerScenarioTest {

  static Stream<Path> scenarios() throws Exception {
    Path folder =
        Path.of(ReconcilerScenarioTest.class.getResource("incremental.txt").toURI()).getParent();
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".txt")).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void scenario_everyStep_asWritten(Path file) throws Exception {
    new Run(file).play();
  }

  /** One file being played. */
  private static final class Run {
    /** Draws the largest value each time: every wait is then exactly half of the back-off. */
    private static final Reconciler.Config CONFIG =
        new Reconciler.Config(
            3, Duration.ofMillis(100), Duration.ofMillis(800), Optional.empty(), new LargestDraw());

    private final Path file;
    private final List<String> lines;
    private final ManualScheduler time = new ManualScheduler();
    private final TableWriter<String, String> writer =
        TableWriter.create("things", Comparator.naturalOrder(), Set.of("input"), 2);
    private final FaultyTarget target = new FaultyTarget();
    private final Reconciler<String, String> reconciler =
        Reconciler.create(writer.table(), target, time, CONFIG);

    Run(Path file) throws IOException {
      this.file = file;
      this.lines = Files.readAllLines(file);
      reconciler.start();
    }

    void play() throws Exception {
      for (int i = 0; i < lines.size(); ) {
        String line = lines.get(i).strip();
        int number = ++i;
        if (line.isEmpty() || line.startsWith("#")) {
          continue;
        }
        var block = new ArrayList<String>();
        while (line.endsWith(":") && i < lines.size() && lines.get(i).startsWith("  ")) {
          block.add(lines.get(i++).strip().replaceAll(" +", " "));
        }
        step(line, block, file.getFileName() + ":" + number);
      }
    }

    private void step(String line, List<String> block, String where) throws Exception {
      String[] words = line.split(" +", 3);
      switch (words[0]) {
        case "put" -> writer.put(words[1], words[2]);
        case "remove" -> writer.remove(words[1]);
        case "together:" -> writer.write(batch -> block.forEach(each -> change(batch, each)));
        case "synced" -> writer.synced("input");
        case "fault" -> target.faults.put(words[1], words[2]);
        case "heal" -> target.faults.remove(words[1]);
        case "stray" -> target.rows.put(words[1], words[2]);
        case "run" -> time.runDue();
        case "advance" -> time.advance(Duration.ofMillis(Long.parseLong(words[1])));
        case "refresh" -> reconciler.refresh();
        case "stop" -> reconciler.stop();
        case "ops:" -> {
          assertEquals(block, target.told, where);
          target.told.clear();
        }
        case "status:" -> assertEquals(block, statuses(), where);
        case "target:" ->
            assertEquals(
                block,
                target.rows.entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).toList(),
                where);
        case "realised" ->
            assertEquals(
                words[2].equals("yes"),
                reconciler.awaitRealised(Long.parseLong(words[1]), Duration.ZERO),
                where);
        case "realised-row" -> {
          String[] rest = words[2].split(" ", -1);
          assertEquals(
              rest[1].equals("yes"),
              reconciler.awaitRealised(words[1], Long.parseLong(rest[0]), Duration.ZERO),
              where);
        }
        case "prune-error" ->
            assertEquals(
                line.substring(words[0].length()).strip(),
                reconciler.pruneError().orElse(""),
                where);
        default -> throw new IllegalArgumentException(where + ": unknown command " + line);
      }
    }

    private static void change(TableWriter.Batch<String, String> batch, String line) {
      String[] words = line.split(" ", -1);
      if (words[0].equals("put")) {
        batch.put(words[1], words[2]);
      } else {
        batch.remove(words[1]);
      }
    }

    /** Rows and open removals, as {@link Reconciler#status} sees them. */
    private List<String> statuses() {
      var all = new TreeMap<String, String>();
      writer.table().snapshot().forEach(row -> all.put(row.key(), ""));
      reconciler.statuses().snapshot().forEach(row -> all.put(row.key(), ""));
      all.replaceAll((key, none) -> reconciler.status(key).map(RowStatus::toString).orElse("none"));
      return all.entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).toList();
    }
  }

  private static final class LargestDraw implements RandomGenerator {
    @Override
    public long nextLong() {
      return Long.MAX_VALUE;
    }

    @Override
    public long nextLong(long bound) {
      return bound - 1;
    }
  }

  /** A target that fails on demand, and takes a batch of several changes all or none. */
  private static final class FaultyTarget implements Operations<String, String> {
    final Map<String, String> faults = new TreeMap<>();
    final Map<String, String> rows = new TreeMap<>();
    final List<String> told = new ArrayList<>();

    @Override
    public void update(String key, String value) throws IOException {
      tell("update " + key, key);
      rows.put(key, value);
    }

    @Override
    public void delete(String key, String last) throws IOException {
      tell("delete " + key, key);
      rows.remove(key);
    }

    @Override
    public void prune(Snapshot<String, String> desired) throws IOException {
      tell("prune", "prune");
      rows.keySet().removeIf(key -> !desired.contains(key));
    }

    @Override
    public Map<String, Exception> applyBatch(List<Change<String, String>> changes) {
      if (!faults.containsKey("batch")) {
        return Operations.super.applyBatch(changes);
      }
      told.add("batch of " + changes.size() + " fails");
      throw new IllegalStateException(faults.get("batch"));
    }

    private void tell(String what, String faultKey) throws IOException {
      String fault = faults.get(faultKey);
      told.add(fault == null ? what : what + " fails");
      if (fault != null) {
        throw new IOException(fault);
      }
    }
  }
}
