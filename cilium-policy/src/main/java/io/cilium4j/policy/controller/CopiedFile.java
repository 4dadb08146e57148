// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.state.StateFile;
import io.cilium4j.policy.PolicyParseException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What nobody but its user could say again, kept twice: a restart that lost it would let pass what
 * it denies. Each change is in the copy before it is in the file, so one of the two is always whole
 * and as new as what was acknowledged.
 *
 * <p>What is lost all the same is told until somebody takes note: the copy lies aside then, by
 * which later starts know, and that is removed by hand.
 *
 * @param file is read first
 * @param copy is read where the file is damaged or missing
 */
record CopiedFile(StateFile file, StateFile copy) {
  private static final Logger LOG = LoggerFactory.getLogger(CopiedFile.class);

  /**
   * What a content came to.
   *
   * @param value what it says; absent if nothing is there, or nothing of it can be read
   * @param problems what of it cannot be read
   */
  record Restored<T>(Optional<T> value, List<String> problems) {
    private boolean isWhole() {
      return value.isPresent() && problems.isEmpty();
    }
  }

  /** A content, and what it came to. */
  private record Attempt<T>(Optional<byte[]> content, Restored<T> restored) {}

  /**
   * Reads the file, or the copy where that says more. The one that is not whole is mended, and
   * where neither is, the copy is set aside.
   *
   * @param reader throws {@link IllegalArgumentException} or {@link PolicyParseException} if a
   *     content makes no sense at all
   */
  <T> Restored<T> restore(Function<byte[], Restored<T>> reader) {
    Attempt<T> own = attempt(file, reader);
    if (own.restored.isWhole()) {
      mend(copy, own.content);
      return own.restored;
    }
    Attempt<T> copied = attempt(copy, reader);
    boolean isLost = own.restored.value().isEmpty();
    boolean isDamaged = !own.restored.problems().isEmpty();
    boolean isCopyBetter =
        copied.restored.isWhole() || (isLost && copied.restored.value().isPresent());
    if (isLost && isDamaged) {
      file.setAside();
    }
    if (!copied.restored.isWhole() && (isDamaged || !copied.restored.problems().isEmpty())) {
      if (copied.content.isEmpty()) {
        mend(copy, Optional.of(own.content.orElse(new byte[0])));
      }
      copy.setAside();
    }
    if (isCopyBetter) {
      LOG.warn("read from its copy file={} problems={}", file, own.restored.problems());
      mend(file, copied.content);
    }
    Attempt<T> best = isCopyBetter ? copied : own;
    if (best.restored.value().isPresent()) {
      mend(copy, best.content);
    }
    return best.restored;
  }

  /**
   * What is lost, for people; absent if nothing is, or if somebody took note of it.
   *
   * @param what is lost, in the plural
   * @param problems what this start could not read
   */
  Optional<String> loss(String what, List<String> problems) {
    List<String> reasons = new ArrayList<>(problems);
    copy.aside()
        .ifPresent(file ->
            reasons.add("they are in " + file + "; give them again, then remove that file"));
    return reasons.isEmpty()
        ? Optional.empty()
        : Optional.of(what + " are lost: " + String.join("; ", reasons));
  }

  private static <T> Attempt<T> attempt(StateFile from, Function<byte[], Restored<T>> reader) {
    Optional<byte[]> content = Optional.empty();
    try {
      content = from.read();
      return new Attempt<>(
          content, content.map(reader).orElse(new Restored<>(Optional.empty(), List.of())));
    } catch (IOException | IllegalArgumentException | PolicyParseException e) {
      return new Attempt<>(
          content, new Restored<>(Optional.empty(), List.of(String.valueOf(e.getMessage()))));
    }
  }

  private static void mend(StateFile damaged, Optional<byte[]> content) {
    try {
      if (content.isPresent()) {
        damaged.write(content.get());
      }
    } catch (IOException e) {
      LOG.warn("kept once only file={} error=\"{}\"", damaged, e.getMessage());
    }
  }

  /**
   * Writes both.
   *
   * @throws IOException if that cannot be done; both say then what they said before
   */
  void write(byte[] content) throws IOException {
    copy.write(content);
    try {
      file.write(content);
    } catch (IOException e) {
      undo();
      throw e;
    }
  }

  private void undo() {
    try {
      Optional<byte[]> before = file.read();
      if (before.isPresent()) {
        copy.write(before.get());
      } else {
        copy.delete();
      }
    } catch (IOException e) {
      LOG.warn("copy is newer than what it is of file={} error=\"{}\"", file, e.getMessage());
    }
  }
}
