// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A table of nftables that this process alone writes. Each change is one transaction. The kernel
 * keeps the table when the process ends.
 *
 * <p>Scripts are functions of the table's name; they bring it about whether or not it is there.
 *
 * <p>Safe for use by several threads, in the network namespace of the thread that calls.
 */
final class NftTable {

  /** One table has both families' rules. */
  static final String FAMILY = "inet";

  /** The first line of a chain, as the program shows it. */
  private static final Pattern CHAIN = Pattern.compile("(?m)^\\s*chain (\\S+) \\{$");

  /** The line of a script that makes one. */
  private static final Pattern ADDED = Pattern.compile("(?m)^add chain \\S+ \\S+ (\\S+)");

  private final Nft nft;
  private final String name;
  private @Nullable String written;

  /** The table as the program showed it after it was written. */
  private Optional<String> shown = Optional.empty();

  private boolean removed;

  /** Touches nothing yet. */
  NftTable(Nft nft, String name) {
    this.nft = nft;
    this.name = name;
  }

  /**
   * Sees whether it can be written here; changes nothing.
   *
   * @throws DatapathException if not, with what the kernel or the program said
   */
  void check(UnaryOperator<String> script) {
    // Under another name: what stands there may have to be replaced first.
    nft.check(script.apply(name + "_check"));
  }

  /**
   * Writes the table; leaves it alone if it was written so. Not after {@link #remove}.
   *
   * @throws DatapathException if it cannot; what was there before is still
   */
  synchronized void apply(UnaryOperator<String> script) {
    String text = script.apply(name);
    if (!removed && !text.equals(written)) {
      write(text);
    }
  }

  private void write(String script) {
    try {
      nft.apply(script + removalOfOthers(script));
    } catch (DatapathException e) {
      // Somebody else, or another version, may have made something of these names and other kinds.
      try {
        nft.apply(removal() + script);
      } catch (DatapathException again) {
        e.addSuppressed(again);
        throw e;
      }
    }
    written = script;
    shown = nft.list(FAMILY, name);
  }

  /**
   * Learns of the chains that an earlier process wrote: the next script need not know them, and
   * those that it does not have are gone with it.
   */
  synchronized void takeOver() {
    shown = text();
  }

  /** Whether there was such a table when last was looked. */
  synchronized boolean isThere() {
    return shown.isPresent();
  }

  /** At the end of a script, when nothing leads to these chains any more. */
  private String removalOfOthers(String script) {
    Set<String> wanted = names(ADDED, script);
    return names(CHAIN, shown.orElse("")).stream()
        .filter(chain -> !wanted.contains(chain))
        .map(chain -> "chain %s %s %s".formatted(FAMILY, name, chain))
        .map("flush %1$s\ndelete %1$s\n"::formatted)
        .collect(Collectors.joining());
  }

  private static Set<String> names(Pattern chains, String text) {
    return chains
        .matcher(text)
        .results()
        .map(chain -> chain.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** The table as it is now; empty if there is none. */
  Optional<String> text() {
    return nft.list(FAMILY, name);
  }

  /**
   * Writes the table again if somebody changed or removed it.
   *
   * @return whether it was so
   * @throws DatapathException if it cannot
   */
  synchronized boolean mend() {
    String script = written;
    if (removed || script == null || text().equals(shown)) {
      return false;
    }
    // All of it: somebody's own rules among ours may say the contrary.
    nft.apply(removal() + script);
    shown = text();
    return true;
  }

  /**
   * Removes the table, for good. No error if there is none.
   *
   * @throws DatapathException if it cannot
   */
  synchronized void remove() {
    removed = true;
    nft.apply(removal());
  }

  /** A table that is added may be there; so it can be deleted in any case. */
  private String removal() {
    return "add table %1$s %2$s\ndelete table %1$s %2$s\n".formatted(FAMILY, name);
  }
}
