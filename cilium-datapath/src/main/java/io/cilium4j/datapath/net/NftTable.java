// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;
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
 * <p>Constant maps are apart from them: their name says what is in them, nobody can change one that
 * a rule uses, and each is written once, also over a restart. They are made before the change that
 * needs them, in transactions of their own where there are many, and go with the change that no
 * longer does.
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

  /** So many characters of constant maps are one transaction: the program takes 50 MB for them. */
  private static final int BATCH_CHARACTERS = 1 << 20;

  /**
   * What brings a table about.
   *
   * @param text all but the constant maps that its rules name
   * @param constants what makes each constant map, a line, by the map's name
   */
  record Script(String text, Map<String, Supplier<String>> constants) {
    Script {
      constants = new TreeMap<>(constants);
    }
  }

  /**
   * What the kernel has of a table.
   *
   * @param content equal as long as nobody changed anything
   * @param chains the names of its chains
   * @param constants the names of its constant maps
   */
  record Contents(String content, Set<String> chains, Set<String> constants) {}

  private final Nft nft;
  private final String name;
  private final Function<String, Optional<Contents>> reader;
  private @Nullable Script written;

  /** What the kernel had after it was written. */
  private Optional<Contents> shown = Optional.empty();

  private boolean removed;

  /** One whose text the program shows to see whether somebody changed it. Touches nothing yet. */
  NftTable(Nft nft, String name) {
    this(nft, name, table -> nft.list(FAMILY, table).map(NftTable::shown));
  }

  /**
   * Touches nothing yet.
   *
   * @param reader what the kernel has of the table of a name; empty for none
   */
  NftTable(Nft nft, String name, Function<String, Optional<Contents>> reader) {
    this.nft = nft;
    this.name = name;
    this.reader = reader;
  }

  private static Contents shown(String text) {
    return new Contents(text, names(CHAIN, text), Set.of());
  }

  private static Script plain(String text) {
    return new Script(text, Map.of());
  }

  /**
   * Sees whether it can be written here; changes nothing.
   *
   * @throws DatapathException if not, with what the kernel or the program said
   */
  void check(UnaryOperator<String> script) {
    checkScript(table -> plain(script.apply(table)));
  }

  /** The same, of a table that may have constant maps. */
  void checkScript(Function<String, Script> script) {
    // Under another name: what stands there may have to be replaced first.
    String other = name + "_check";
    nft.check(whole(other, script.apply(other)));
  }

  /**
   * Writes the table; leaves it alone if it was written so. Not after {@link #remove}.
   *
   * @throws DatapathException if it cannot; what was there before is still
   */
  void apply(UnaryOperator<String> script) {
    applyScript(table -> plain(script.apply(table)));
  }

  /** The same, of a table that may have constant maps. */
  synchronized void applyScript(Function<String, Script> script) {
    Script wanted = script.apply(name);
    Script known = written;
    // The rules name the constant maps, and these their content.
    if (!removed && (known == null || !wanted.text().equals(known.text()))) {
      write(wanted);
    }
  }

  private void write(Script script) {
    try {
      addConstants(script);
      nft.apply(script.text() + removalOfOthers(script));
    } catch (DatapathException e) {
      // Somebody else, or another version, may have made something of these names and other kinds.
      try {
        nft.apply(removal() + whole(name, script));
      } catch (DatapathException again) {
        e.addSuppressed(again);
        throw e;
      }
    }
    written = script;
    shown = reader.apply(name);
  }

  /** Makes the constant maps that are not there; no rule leads to them yet. */
  private void addConstants(Script script) {
    Set<String> there = shown.map(Contents::constants).orElse(Set.of());
    var batch = new StringBuilder();
    for (var constant : script.constants().entrySet()) {
      if (!there.contains(constant.getKey())) {
        batch.append(constant.getValue().get());
        if (batch.length() >= BATCH_CHARACTERS) {
          addBatch(batch);
        }
      }
    }
    if (!batch.isEmpty()) {
      addBatch(batch);
    }
  }

  private void addBatch(StringBuilder batch) {
    nft.apply(addition(name) + batch);
    batch.setLength(0);
  }

  /** All of it, where there is nothing. */
  private static String whole(String table, Script script) {
    if (script.constants().isEmpty()) {
      return script.text();
    }
    var text = new StringBuilder(addition(table));
    script.constants().values().forEach(each -> text.append(each.get()));
    return text.append(script.text()).toString();
  }

  /**
   * Learns of the chains that an earlier process wrote: the next script need not know them, and
   * those that it does not have are gone with it.
   */
  synchronized void takeOver() {
    shown = reader.apply(name);
  }

  /** Whether there was such a table when last was looked. */
  synchronized boolean isThere() {
    return shown.isPresent();
  }

  /** At the end of a script, when nothing leads to these chains and maps any more. */
  private String removalOfOthers(Script script) {
    Set<String> wanted = names(ADDED, script.text());
    List<String> chains = new ArrayList<>();
    List<String> maps = new ArrayList<>();
    shown.ifPresent(contents -> {
      chains.addAll(others(contents.chains(), wanted));
      maps.addAll(others(contents.constants(), script.constants().keySet()));
    });
    // Somebody else's chains may lead to one another.
    return lines("flush chain", chains) + lines("delete chain", chains) + lines("delete map", maps);
  }

  private static List<String> others(Set<String> there, Set<String> wanted) {
    return there.stream().filter(each -> !wanted.contains(each)).sorted().toList();
  }

  private String lines(String command, List<String> names) {
    return names.stream()
        .map(each -> "%s %s %s %s\n".formatted(command, FAMILY, name, each))
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
    Script script = written;
    if (removed || script == null) {
      return false;
    }
    Optional<Contents> now = reader.apply(name);
    if (now.equals(shown)) {
      return false;
    }
    shown = now;
    if (script.constants().isEmpty()) {
      // All of it: somebody's own rules among ours may say the contrary.
      nft.apply(removal() + script.text());
      shown = reader.apply(name);
    } else {
      // All but the constant maps: they are as they were, and many.
      write(script);
    }
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
    return addition(name) + "delete table %s %s\n".formatted(FAMILY, name);
  }

  private static String addition(String table) {
    return "add table %s %s\n".formatted(FAMILY, table);
  }
}
