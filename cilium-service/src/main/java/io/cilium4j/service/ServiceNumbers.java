// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The numbers of frontends, 1 to 65535, each one's own. Clients of the API choose those of their
 * services; frontends of Kubernetes get others, and keep them over a restart. A number that was
 * given back is given again last, since a client may be remembered by it.
 *
 * <p>Safe for use by several threads.
 */
final class ServiceNumbers {
  private static final Logger LOG = LoggerFactory.getLogger(ServiceNumbers.class);

  static final int MAX = 65_535;

  /** As a frontend stands in the file. */
  private static final Pattern TEXT = Pattern.compile("(\\S+) (\\d{1,5})/([A-Z]+)");

  private final StateFile file;
  private final Map<FrontendKey, Integer> numbers = new HashMap<>();
  private final BitSet used = new BitSet(MAX + 1);
  private final BitSet chosen = new BitSet(MAX + 1);
  private int last;
  private boolean isChanged;
  private String problem = "";

  /**
   * Takes up the numbers of an earlier run, but for those that were chosen since.
   *
   * @param chosen those that clients of the API have
   */
  ServiceNumbers(StateFile file, Set<Long> chosen) {
    this.file = file;
    chosen.forEach(this::choose);
    try {
      file.read().ifPresent(this::restore);
    } catch (IOException | IllegalArgumentException e) {
      LOG.warn("state lost file={} error=\"{}\"", file, String.valueOf(e.getMessage()));
      file.setAside();
    }
  }

  private void restore(byte[] content) {
    Trees.map(DocumentReader.readKept(content)).forEach(this::restoreOne);
    last = used.length() - 1;
  }

  private void restoreOne(String text, @Nullable Object number) {
    FrontendKey key = parse(text);
    if (!(number instanceof Integer given) || given < 1 || given > MAX) {
      throw new IllegalArgumentException(key + ": number " + number);
    }
    if (!used.get(given)) {
      take(key, given);
    }
  }

  private static FrontendKey parse(String text) {
    Matcher parts = TEXT.matcher(text);
    if (!parts.matches()) {
      throw new IllegalArgumentException("\"" + text + "\" is no frontend");
    }
    return new FrontendKey(
        IpAddress.parse(parts.group(1)),
        Integer.parseInt(parts.group(2)),
        Protocol.valueOf(parts.group(3)));
  }

  private static String text(FrontendKey key) {
    return key.address() + " " + key.port() + "/" + key.protocol();
  }

  /** A client of the API chooses a number; false if a frontend of Kubernetes has it. */
  synchronized boolean choose(long number) {
    int bit = (int) number;
    if (number < 1 || number > MAX || (used.get(bit) && !chosen.get(bit))) {
      return false;
    }
    used.set(bit);
    chosen.set(bit);
    return true;
  }

  /** A client of the API gives its number back. */
  synchronized void unchoose(long number) {
    int bit = (int) number;
    if (chosen.get(bit)) {
      chosen.clear(bit);
      used.clear(bit);
    }
  }

  /** The number of a frontend of Kubernetes, a new one if it has none; none if there is none. */
  synchronized OptionalInt of(FrontendKey key) {
    Integer known = numbers.get(key);
    if (known != null) {
      return OptionalInt.of(known);
    }
    int free = used.nextClearBit(last + 1);
    if (free > MAX) {
      free = used.nextClearBit(1);
    }
    if (free > MAX) {
      return OptionalInt.empty();
    }
    take(key, free);
    last = free;
    isChanged = true;
    return OptionalInt.of(free);
  }

  private void take(FrontendKey key, int number) {
    numbers.put(key, number);
    used.set(number);
  }

  /** A frontend of Kubernetes is gone. */
  synchronized void release(FrontendKey key) {
    Integer number = numbers.remove(key);
    if (number != null) {
      used.clear(number);
      isChanged = true;
    }
  }

  /** All frontends of Kubernetes are known: others have no number any more. */
  synchronized void retain(Set<FrontendKey> keys) {
    Set.copyOf(numbers.keySet()).stream().filter(key -> !keys.contains(key)).forEach(this::release);
  }

  /** Writes down what changed. What cannot be written is tried again with the next change. */
  synchronized void save() {
    if (!isChanged) {
      return;
    }
    Map<String, Integer> texts = new TreeMap<>();
    numbers.forEach((key, number) -> texts.put(text(key), number));
    try {
      file.write(JsonWriter.writeBytes(texts));
      isChanged = false;
      problem = "";
    } catch (IOException e) {
      String text = "write " + file + ": " + e.getMessage();
      if (!text.equals(problem)) {
        LOG.warn("numbers of services are not stored error=\"{}\"", text);
      }
      problem = text;
    }
  }

  /** Why the numbers are not stored; absent if they are. */
  synchronized Optional<String> problem() {
    return problem.isEmpty() ? Optional.empty() : Optional.of(problem);
  }
}
