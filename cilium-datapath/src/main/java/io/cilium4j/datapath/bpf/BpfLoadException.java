// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The kernel refused an object. The message ends with the last lines that the verifier wrote, which
 * say why; its whole log stands behind {@link #verifierLog()}.
 */
public final class BpfLoadException extends BpfException {
  private static final long serialVersionUID = 1L;

  /** Lines of the log that stand in the message: what it tripped over, and the state there. */
  private static final int LAST_LINES = 6;

  /** {@code processed 7 insns (limit 1000000) …}, {@code verification time 27 usec}, …. */
  private static final Pattern STATISTICS =
      Pattern.compile("^(processed [0-9]+ insns|verification time|stack depth)");

  private final String verifierLog;

  BpfLoadException(int errno, String object, String detail, String verifierLog) {
    super("bpf_object__load", errno, object, detail + lastLines(verifierLog));
    this.verifierLog = verifierLog;
  }

  /** The end of the log, without the statistics that the verifier always writes last. */
  private static String lastLines(String log) {
    List<String> lines =
        log.lines()
            .map(String::stripTrailing)
            .filter(line -> !line.isBlank() && !STATISTICS.matcher(line).find())
            .toList();
    return lines.stream()
        .skip(Math.max(0, lines.size() - LAST_LINES))
        .map(line -> "\n  " + line)
        .collect(Collectors.joining());
  }

  /** What the verifier wrote, many lines; empty when the failure came before the verifier ran. */
  public String verifierLog() {
    return verifierLog;
  }
}
