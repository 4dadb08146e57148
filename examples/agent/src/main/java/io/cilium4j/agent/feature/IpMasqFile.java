// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The configuration of the ip-masq-agent: destinations to which pods speak under their own
 * addresses.
 *
 * <pre>
 *   nonMasqueradeCIDRs: [10.0.0.0/8, "fd00::/8"]
 *   masqLinkLocal: false
 *   masqLinkLocalIPv6: false
 * </pre>
 *
 * <p>Where there is no such file, or an empty one, it excludes private and reserved addresses. What
 * cannot be read leaves things as they were. Safe for use by several threads.
 */
final class IpMasqFile {
  private static final Logger LOG = LoggerFactory.getLogger(IpMasqFile.class);

  /** What the ip-masq-agent excludes unless it is told otherwise. */
  private static final List<IpPrefix> DEFAULT =
      Stream.of(
              "10.0.0.0/8",
              "172.16.0.0/12",
              "192.168.0.0/16",
              "100.64.0.0/10",
              "192.0.0.0/24",
              "192.0.2.0/24",
              "192.88.99.0/24",
              "198.18.0.0/15",
              "198.51.100.0/24",
              "203.0.113.0/24",
              "240.0.0.0/4")
          .map(IpPrefix::parse)
          .toList();

  private static final IpPrefix LINK_LOCAL = IpPrefix.parse("169.254.0.0/16");
  private static final IpPrefix LINK_LOCAL_6 = IpPrefix.parse("fe80::/10");

  /** Largest file: that of a whole ConfigMap. */
  private static final long MAX_BYTES = 1 << 20;

  private final Path path;

  /** What the file said when last was looked; empty if there was none. */
  private @Nullable String text;

  private List<IpPrefix> excluded;
  private String problem = "";

  /** Reads nothing yet. */
  IpMasqFile(Path path) {
    this.path = path;
    this.excluded = excluded(DEFAULT, false, false);
  }

  /** What an earlier run excluded stays until the file can be read. */
  synchronized void takeOver(List<IpPrefix> prefixes) {
    excluded = List.copyOf(prefixes);
  }

  /** The destinations, sorted; may overlap. */
  synchronized List<IpPrefix> excluded() {
    return excluded;
  }

  /** Looks at the file; gives whether something else is excluded now. */
  synchronized boolean look() {
    try {
      String now = read();
      if (now.equals(text)) {
        return false;
      }
      List<IpPrefix> before = excluded;
      excluded = parse(now);
      text = now;
      problem = "";
      LOG.info("excluded from masquerading file={} prefixes={}", path, excluded);
      return !excluded.equals(before);
    } catch (IOException | IllegalArgumentException e) {
      text = null;
      String line =
          "%s: %s; what it said before is in force".formatted(path, String.valueOf(e.getMessage()));
      if (!line.equals(problem)) {
        LOG.warn("not read file={} error=\"{}\"", path, e.getMessage());
        problem = line;
      }
      return false;
    }
  }

  private String read() throws IOException {
    try {
      if (Files.size(path) > MAX_BYTES) {
        throw new IOException("more than " + MAX_BYTES + " bytes");
      }
      return Files.readString(path);
    } catch (NoSuchFileException _) {
      return "";
    }
  }

  /** Why the file is not in force; none if it is. */
  synchronized Map<String, String> problems() {
    return problem.isEmpty() ? Map.of() : Map.of("ip-masq-agent", problem);
  }

  /**
   * What a text excludes.
   *
   * @throws IllegalArgumentException if it is no configuration
   */
  static List<IpPrefix> parse(String text) {
    if (text.isEmpty()) {
      return excluded(DEFAULT, false, false);
    }
    List<@Nullable Object> documents;
    try {
      documents = DocumentReader.read(text);
    } catch (DocumentException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    if (documents.size() != 1) {
      throw new IllegalArgumentException(documents.size() + " documents: wanted one");
    }
    Map<String, @Nullable Object> fields = Trees.map(documents.getFirst());
    List<IpPrefix> prefixes = new ArrayList<>();
    Object cidrs = fields.get("nonMasqueradeCIDRs");
    if (cidrs != null && !(cidrs instanceof List<?>)) {
      throw new IllegalArgumentException("nonMasqueradeCIDRs: wanted a list");
    }
    for (Object cidr : Trees.items(fields, "nonMasqueradeCIDRs")) {
      prefixes.add(
          IpPrefix.tryParse(String.valueOf(cidr))
              .orElseThrow(() ->
                  new IllegalArgumentException("nonMasqueradeCIDRs: " + cidr + " is no prefix")));
    }
    return excluded(prefixes, isOn(fields, "masqLinkLocal"), isOn(fields, "masqLinkLocalIPv6"));
  }

  private static boolean isOn(Map<String, @Nullable Object> fields, String key) {
    return switch (fields.get(key)) {
      case null -> false;
      case Boolean on -> on;
      case Object other ->
          throw new IllegalArgumentException(key + ": " + other + ": wanted true or false");
    };
  }

  private static List<IpPrefix> excluded(
      List<IpPrefix> prefixes, boolean masqLinkLocal, boolean masqLinkLocalIpv6) {
    var all = new TreeSet<>(prefixes);
    if (!masqLinkLocal) {
      all.add(LINK_LOCAL);
    }
    if (!masqLinkLocalIpv6) {
      all.add(LINK_LOCAL_6);
    }
    return List.copyOf(all);
  }
}
