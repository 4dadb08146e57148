// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.Watch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Runs the text files beside this class against a real ipcache and allocator.
 *
 * <pre>
 *   families ipv4 [ipv6]                    begins anew with these families
 *   identity PREFIX OWNER SOURCE ID [TUNNEL] / no-identity PREFIX OWNER
 *   labels PREFIX OWNER LABEL... / no-labels PREFIX OWNER
 *   cidrs OWNER PREFIX...                   replaces the owner's CIDRs
 *   rows:                                   the table: prefix, number or labels of a local number
 *   changed:                                prefixes whose row changed since the last look
 *   lookup ADDRESS ID-OR-LABELS
 *   host LABELS                             of this node's own identity
 *   local N                                 how many local identities there are once all rest is over
 * </pre>
 */
class IpcacheScenarioTest {
  private static final Duration REST = Duration.ofSeconds(10);

  static Stream<Path> scenarios() throws Exception {
    Path folder = Path.of(IpcacheScenarioTest.class.getResource("merge.txt").toURI()).getParent();
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".txt")).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("scenarios")
  void scenario_everyStep_asWritten(Path file) throws Exception {
    new Run(file).play();
  }

  private static final class Run {
    private final Path file;
    private final ManualScheduler time = new ManualScheduler();
    private final IdentityAllocator allocator =
        new IdentityAllocator(new Database(), new MemoryIdentityBackend(0, time, REST), time, REST);
    private Ipcache ipcache = new Ipcache(allocator, EnumSet.allOf(IpFamily.class), Set.of());
    private Watch<IpPrefix, IpcacheEntry> watch = ipcache.table().watch();

    Run(Path file) {
      this.file = file;
    }

    void play() throws IOException {
      List<String> lines = Files.readAllLines(file);
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
        step(line.split(" +"), block, file.getFileName() + ":" + number);
      }
    }

    private void step(String[] words, List<String> block, String where) {
      switch (words[0]) {
        case "families" -> {
          Set<IpFamily> families = EnumSet.noneOf(IpFamily.class);
          rest(words, 1)
              .forEach(name -> families.add(IpFamily.valueOf(name.toUpperCase(Locale.ROOT))));
          ipcache = new Ipcache(allocator, families, Set.of());
          watch = ipcache.table().watch();
        }
        case "identity" ->
            ipcache.putIdentity(
                IpPrefix.parse(words[1]),
                words[2],
                IpcacheSource.valueOf(words[3]),
                Integer.parseInt(words[4]),
                words.length > 5 ? Optional.of(IpAddress.parse(words[5])) : Optional.empty());
        case "no-identity" -> ipcache.removeIdentity(IpPrefix.parse(words[1]), words[2]);
        case "labels" ->
            ipcache.putLabels(IpPrefix.parse(words[1]), words[2], Labels.parse(rest(words, 3)));
        case "no-labels" -> ipcache.removeLabels(IpPrefix.parse(words[1]), words[2]);
        case "cidrs" ->
            ipcache.replaceLabels(
                words[1],
                rest(words, 2).stream()
                    .map(IpPrefix::parse)
                    .collect(
                        Collectors.toMap(
                            prefix -> prefix,
                            prefix -> Labels.of(CidrLabels.of(prefix).stream().toList()))));
        case "rows:" ->
            assertEquals(
                block,
                ipcache.table().snapshot().stream()
                    .map(row -> row.key() + " " + meaning(row.value()))
                    .toList(),
                where);
        case "changed:" ->
            assertEquals(
                block.stream().sorted().toList(),
                watch.poll().list().stream()
                    .map(change -> change.key().toString())
                    .sorted()
                    .toList(),
                where);
        case "lookup" ->
            assertEquals(
                String.join(" ", rest(words, 2)),
                ipcache.lookup(IpAddress.parse(words[1])).map(this::meaning).orElse("none"),
                where);
        case "host" ->
            assertEquals(
                String.join(" ", rest(words, 1)),
                allocator.identities().get(1).orElseThrow().labels().toString(),
                where);
        case "local" -> {
          time.advance(REST);
          assertEquals(
              Long.parseLong(words[1]),
              allocator.identities().snapshot().stream()
                  .filter(row -> Identity.isLocal(row.key()))
                  .count(),
              where);
        }
        default -> throw new IllegalArgumentException(where + ": unknown command " + words[0]);
      }
    }

    private static List<String> rest(String[] words, int from) {
      return Arrays.asList(words).subList(from, words.length);
    }

    private String meaning(IpcacheEntry entry) {
      String who =
          Identity.isLocal(entry.identity())
              ? allocator.identities().get(entry.identity()).orElseThrow().labels().toString()
              : Integer.toString(entry.identity());
      return who + entry.tunnelEndpoint().map(address -> " via " + address).orElse("");
    }
  }
}
