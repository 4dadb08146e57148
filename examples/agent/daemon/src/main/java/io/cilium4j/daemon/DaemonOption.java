// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import java.util.List;
import java.util.regex.Pattern;

/**
 * One option of the agent, under Cilium's name. It is a flag {@code --key}, a variable {@code
 * CILIUM_KEY} and a file {@code key} of a configuration folder.
 *
 * @param key its name
 * @param group the heading under which help lists it
 * @param kind what its value may be
 * @param byDefault its value where none is given
 * @param built the only values that this version can carry out; empty for all of the kind
 * @param summary one line
 */
record DaemonOption(
    String key, Group group, Kind kind, String byDefault, List<String> built, String summary) {
  DaemonOption {
    built = List.copyOf(built);
  }

  /** Headings of the help. */
  enum Group {
    GENERAL("General"),
    CLUSTER("Cluster and identities"),
    ADDRESSES("Addresses"),
    POLICY("Policy"),
    DATAPATH("Datapath"),
    KUBERNETES("Kubernetes"),
    HEALTH("Health of the cluster"),
    REPORTS("Logs, metrics and monitor"),
    HUBBLE("Flows for Hubble"),
    LATER("Not built yet: any other value than the default ends the start");

    private final String title;

    Group(String title) {
      this.title = title;
    }

    String title() {
      return title;
    }
  }

  /** What a value may be, as a pattern and in words. */
  enum Kind {
    /** As Cilium's programs read it. */
    TRUTH("(?i:true|false|t|f|1|0)", "true or false"),
    /** A truth that may be left to the agent. */
    TRUTH_OR_AUTO("auto|(?i:true|false|t|f|1|0)", "true, false or auto"),
    NUMBER("[0-9]{1,9}", "a number from 0 on"),
    DURATION("0|([0-9]{1,6}(ms|s|m|h)){1,4}", "a time such as 100ms, 10s or 1h30m"),
    RATIO("0(\\.[0-9]{1,9})?|1(\\.0{1,9})?", "a number from 0 to 1"),
    TEXT(".{0,4096}", "a text of one line"),
    PORT(Kind.PORTS, "a port, 0 to 65535"),
    NAME("[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?", "up to 32 of a-z, 0-9 and -"),
    INSTANCE("[a-z0-9]{1,8}", "1 to 8 of a-z and 0-9"),
    NAMES("[^\\s/:,]{1,16}([,\\s]+[^\\s/:,]{1,16})*|", "names, with commas between them"),
    PATH(".{0,4096}", "a path"),
    PREFIX("auto|[0-9a-fA-F.:]+/[0-9]{1,3}", "an address prefix, or auto"),
    ADDRESS("(.*:" + Kind.PORTS + ")?", "[HOST]:PORT");

    /** Numbers up to 65535. */
    private static final String PORTS =
        "([0-5]?[0-9]{1,4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

    private final Pattern pattern;
    private final String words;

    Kind(String pattern, String words) {
      this.pattern = Pattern.compile(pattern);
      this.words = words;
    }

    /** Whether a flag of it that stands alone says true. */
    boolean isSwitch() {
      return this == TRUTH || this == TRUTH_OR_AUTO;
    }
  }

  /** The variable of the environment that sets it. */
  String variable() {
    return "CILIUM_" + key.replace('-', '_').toUpperCase(java.util.Locale.ROOT);
  }

  /**
   * The value as it is kept.
   *
   * @param source where it was read, for what is said when it is wrong
   * @throws OptionException if it is no value, or one that this version cannot carry out
   */
  String check(String value, String source) {
    String stripped = value.strip();
    if (!kind.pattern.matcher(stripped).matches()) {
      throw new OptionException(
          key + ": \"" + shown(value) + "\" from " + source + ": wanted " + kind.words);
    }
    String kept = stripped;
    if (kind.isSwitch() && !stripped.equals("auto")) {
      kept = Boolean.toString("tT1".indexOf(stripped.charAt(0)) >= 0);
    }
    if (!built.isEmpty() && !built.contains(kept)) {
      throw new OptionException(
          key
              + ": \""
              + kept
              + "\" from "
              + source
              + (group == Group.LATER ? " is not built yet; wanted " : ": wanted ")
              + String.join(
                  " or ", built.stream().map(each -> each.isEmpty() ? "nothing" : each).toList()));
    }
    return kept;
  }

  private static String shown(String value) {
    String line = value.replaceAll("\\p{Cntrl}", "?");
    return line.length() > 60 ? line.substring(0, 60) + "…" : line;
  }

  /** Takes an option, of every value of its kind or of some only. */
  @FunctionalInterface
  interface Adder {
    void add(Group group, String key, Kind kind, String byDefault, String summary, String... built);
  }
}
