// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.Settings;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Runs a document. In its blocks of text these lines are commands, and what stands below each is
 * what it says:
 *
 * <pre>
 *   $ cilium status --brief        in this process
 *   $ cilium monitor &amp;             until the line "$ kill %1", below which its output stands
 *   $ cilium … | grep WORD         only lines with the word; "| head -n N" the first ones
 *   client$ ping 10.77.0.2         a program inside the pod "client"
 * </pre>
 *
 * <p>A block that begins with {@code json file=NAME} is a file beside the commands. {@code
 * <folder>} stands for where that is. A code other than 0 is told in brackets below the output.
 */
final class Tour {
  private static final Pattern FILE = Pattern.compile("```\\w+ file=(\\S+)");
  private static final Pattern POD = Pattern.compile("(\\w+)\\$ (.*)");
  private static final Pattern WORD = Pattern.compile("'([^']*)'|\\S+");
  private static final String CILIUM = "$ cilium ";
  private static final String FENCE = "```";
  private static final String KILL = "$ kill %1";

  /** How long events may take to come. */
  private static final long PATIENCE_NANOS = 15_000_000_000L;

  /**
   * After how long without an event nothing more is waited for, where it is not known what comes.
   */
  private static final long QUIET_NANOS = 3_000_000_000L;

  /** What differs from run to run, and what stands in its place. */
  private static final List<Mask> MASKS =
      List.of(
          new Mask("\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z", "<time>"),
          new Mask("\\b(\\d+[hms])+ ago", "<n>s ago"),
          new Mask("RTT=[\\d.]+[nµm]?s", "RTT=<n>ms"),
          new Mask("(?i)(ifindex[=:] ?|expires=|policy=|Epoch +|\"revision\": )\\d+", "$1<n>"),
          new Mask("(?<=10\\.77\\.0\\.3:)\\d{4,5}", "<port>"),
          new Mask("\\d+\\.\\d+\\.\\d+-SNAPSHOT", "<version>"),
          new Mask("(java |JavaVersion\": \")[\\d.]+", "$1<version>"),
          // How often a timer fired, how many changes were taken together, how long it took; and
          // what depends on the addresses of the machine.
          new Mask("((controllers|regenerations)\\S* .*\"success\" +)\\d+$", "$1<n>"),
          new Mask("(regeneration_time_stats\\S+ .*?)[\\d.]+$", "$1<n>"),
          new Mask("((cilium_ipcache|cilium_ipcache_entries) +)\\d+", "$1<n>"),
          // The machine's own addresses make epochs, too.
          new Mask("(?<=SeenReply Closing) Stale", ""),
          // The policy's number in "bpf policy list".
          new Mask("^(\\d +25\\d +)\\d+(?= +\\d+$)", "$1<n>"));

  private record Mask(Pattern pattern, String replacement) {
    Mask(String pattern, String replacement) {
      this(Pattern.compile(pattern, Pattern.MULTILINE), replacement);
    }
  }

  private final TourAgent agent;
  private final Path folder;

  /** What is expected, from which is known how long to wait for events; empty for the unknown. */
  private final String expected;

  private @Nullable Background background;

  Tour(TourAgent agent, Path folder, String expected) {
    this.agent = agent;
    this.folder = folder;
    this.expected = expected;
  }

  /** Runs every command; gives the document as it should be. */
  String run(String document) throws IOException, InterruptedException {
    List<String> out = new ArrayList<>();
    boolean isScript = false;
    boolean isOutput = false;
    Path file = null;
    for (String line : document.lines().toList()) {
      if (line.startsWith(FENCE)) {
        Matcher named = FILE.matcher(line);
        file = named.matches() ? folder.resolve(named.group(1)) : null;
        isScript = line.equals(FENCE + "text");
        isOutput = false;
      } else if (file != null) {
        Files.writeString(
            file,
            (Files.exists(file) ? Files.readString(file) : "") + line + System.lineSeparator());
      } else if (isScript && isCommand(line)) {
        if (isOutput && !out.getLast().isEmpty()) {
          out.add("");
        }
        isOutput = true;
        out.add(line);
        out.addAll(masked(execute(line)).lines().toList());
        continue;
      } else if (isOutput) {
        continue; // What it said the last time.
      }
      out.add(line);
    }
    return String.join("\n", out) + "\n";
  }

  private static boolean isCommand(String line) {
    return line.startsWith(CILIUM) || line.equals(KILL) || POD.matcher(line).matches();
  }

  private String execute(String line) throws IOException, InterruptedException {
    Matcher pod = POD.matcher(line);
    if (pod.matches()) {
      TourAgent.Said said = agent.inPod(pod.group(1), pod.group(2));
      return said.text() + code(said.exitCode());
    }
    if (line.equals(KILL)) {
      return end();
    }
    boolean inBackground = line.endsWith(" &");
    String command = inBackground ? line.substring(0, line.length() - 2) : line;
    List<String> pipe =
        List.of(
            command
                .substring(CILIUM.length())
                .replace("<folder>", folder.toString())
                .split(" \\| ", -1));
    List<String> words = words(pipe.getFirst());
    List<String> filters = pipe.subList(1, pipe.size());
    if (inBackground) {
      begin(words, filters);
      return "";
    }
    var output = new Output();
    int exitCode = output.run(words);
    return filtered(output.text(), filters) + code(exitCode);
  }

  private static String code(int exitCode) {
    return exitCode == 0 ? "" : "(ends with " + exitCode + ")\n";
  }

  private static List<String> words(String line) {
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(line);
    while (word.find()) {
      words.add(word.group(1) == null ? word.group() : word.group(1));
    }
    return words;
  }

  private static String filtered(String text, List<String> filters) {
    List<String> lines = text.lines().toList();
    for (String each : filters) {
      List<String> filter = words(each);
      lines =
          switch (filter.getFirst()) {
            case "head" ->
                lines.subList(0, Math.min(lines.size(), Integer.parseInt(filter.getLast())));
            case "grep" -> {
              Pattern wanted = Pattern.compile(filter.getLast());
              yield lines.stream().filter(line -> wanted.matcher(line).find()).toList();
            }
            default -> throw new IllegalArgumentException("the tour knows no " + each);
          };
    }
    return lines.isEmpty() ? "" : String.join("\n", lines) + "\n";
  }

  // ---- commands ----

  /** What a command says, errors included, as a terminal would show it. */
  private final class Output {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    int run(List<String> words) {
      var stream = new PrintStream(bytes, true, StandardCharsets.UTF_8);
      var console = new Console(new ByteArrayInputStream(new byte[0]), stream, stream);
      int code =
          new Cli(console, Map.of(Settings.SOCKET_VARIABLE, agent.socket().toString())).run(words);
      console.flush();
      return code;
    }

    String text() {
      return bytes.toString(StandardCharsets.UTF_8);
    }
  }

  /** The monitor, while other commands run. */
  private record Background(Thread thread, Output output, List<String> filters) {}

  private void begin(List<String> words, List<String> filters) throws IOException {
    List<String> all = new ArrayList<>(words);
    all.addAll(List.of("--monitor-socket", agent.monitorSocket().toString()));
    var output = new Output();
    background = new Background(Thread.ofVirtual().start(() -> output.run(all)), output, filters);
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (agent.monitorReaders() == 0) {
      if (System.nanoTime() - end > 0) {
        throw new IllegalStateException("the monitor did not begin: " + all);
      }
      Thread.onSpinWait();
    }
  }

  /** Ends it once everything came that is expected. What repeats stands once. */
  private String end() throws InterruptedException {
    Background ended = background;
    if (ended == null) {
      throw new IllegalStateException("nothing to kill");
    }
    background = null;
    long begin = System.nanoTime();
    long changed = begin;
    String text = "";
    while (expected.isEmpty() ? System.nanoTime() - changed < QUIET_NANOS : !isExpected(text)) {
      if (System.nanoTime() - begin > PATIENCE_NANOS) {
        break;
      }
      String now = once(masked(filtered(ended.output().text(), ended.filters())));
      changed = now.equals(text) ? changed : System.nanoTime();
      text = now;
      Thread.onSpinWait();
    }
    ended.thread().interrupt();
    ended.thread().join();
    return text;
  }

  /** Whether that is all of what stands below one of the ends, and not the begin of it alone. */
  private boolean isExpected(String text) {
    String wanted = comparable(expected);
    String ended = comparable(KILL + "\n" + text);
    return !text.isEmpty() && (wanted.contains(ended + "\n") || wanted.contains(ended + FENCE));
  }

  private static String once(String text) {
    StringBuilder lines = new StringBuilder();
    String last = "";
    for (String line : text.lines().toList()) {
      if (!line.equals(last)) {
        lines.append(line).append('\n');
      }
      last = line;
    }
    return lines.toString();
  }

  // ---- what differs ----

  private String masked(String text) {
    String masked = text.replace(folder.toString(), "<folder>");
    for (Mask mask : MASKS) {
      masked = mask.pattern().matcher(masked).replaceAll(mask.replacement());
    }
    return masked.lines().map(String::stripTrailing).reduce("", (all, line) -> all + line + "\n");
  }

  /** A text without what follows from the width of what differs. */
  static String comparable(String text) {
    return text.replaceAll(" {2,}", "  ");
  }
}
