// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.spi.FileWriters;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Looks at a folder and tells which files changed since the last look.
 *
 * <p>Only regular files of the folder itself are read, a link only where it leads to one inside the
 * folder. Bounded are the size of a file and the number of files. A file that somebody writes to is
 * left for later: half of a policy may allow what the whole forbids. Where the operating system
 * cannot say whether somebody does, a file is taken once it has rested for {@link #REST}.
 *
 * <p>Not safe for use by several threads.
 */
final class DirectoryScanner {

  /** Largest file, 1 MiB: more than Kubernetes' store takes of one object. */
  static final int MAX_FILE_BYTES = 1 << 20;

  /** Most files that are looked at. */
  static final int MAX_FILES = 10_000;

  /** How long a file has to stay as it is where nobody can say whether it is written to. */
  static final Duration REST = Duration.ofSeconds(2);

  /** What a look found. */
  interface Findings {
    /** A file is new or was written to. */
    void changed(String file, String text);

    /** A file is there and cannot be read. */
    void unreadable(String file, String what);

    /** A file is being written to since a while, and not read before that ends. */
    void unfinished(String file, Duration since);

    /** A file is gone. */
    void gone(String file);
  }

  /** What tells a file from what it was; a file that cannot be read has its trouble in it. */
  private record Stamp(
      long sizeBytes, @Nullable FileTime modified, @Nullable Object fileKey, String trouble) {}

  /** That of a file which is to be read whatever it looks like. */
  private static final Stamp UNREAD = new Stamp(-1, null, null, "");

  /** A file that is being written to: what it looked like, and since when it does. */
  private record Unfinished(Stamp stamp, long sinceNanos, long begunNanos) {}

  private final Path folder;
  private final FileWriters writers;
  private final LongSupplier nanoTime;
  private final Map<String, Stamp> known = new HashMap<>();
  private final Map<String, Unfinished> unfinished = new HashMap<>();
  private Map<String, String> passedOver = Map.of();

  DirectoryScanner(Path folder, FileWriters writers, LongSupplier nanoTime) {
    this.folder = folder;
    this.writers = writers;
    this.nanoTime = nanoTime;
  }

  /** Takes these files for known, so that one of them that is not there counts as gone. */
  void expect(Collection<String> files) {
    files.forEach(file -> known.put(file, UNREAD));
  }

  /** Whether files wait for whoever writes to them. */
  boolean hasUnfinished() {
    return !unfinished.isEmpty();
  }

  /** The files that were there at the last look. */
  List<String> files() {
    return known.keySet().stream().sorted().toList();
  }

  /** What lies in the folder and is no manifest, with the reason, as of the last look. */
  Map<String, String> passedOver() {
    return passedOver;
  }

  /**
   * Looks once.
   *
   * @param suspects names of files that are read again although they look unchanged
   * @throws IOException if the folder cannot be listed; nothing is told then
   */
  void scan(Set<String> suspects, Findings findings) throws IOException {
    Path root = folder.toRealPath();
    Set<String> present = list(root);
    for (String file : present) {
      look(root, file, suspects.contains(file), findings);
    }
    var gone = new HashSet<>(known.keySet());
    gone.removeAll(present);
    for (String file : gone) {
      known.remove(file);
      findings.gone(file);
    }
    unfinished.keySet().retainAll(present);
  }

  private Set<String> list(Path root) throws IOException {
    var names = new TreeSet<String>();
    var others = new TreeMap<String, String>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
      for (Path entry : entries) {
        String name = String.valueOf(entry.getFileName());
        if (isManifest(name) || (!name.startsWith(".") && Files.isDirectory(entry))) {
          names.add(name);
          if (names.size() > MAX_FILES) {
            throw new IOException("more than " + MAX_FILES + " manifests");
          }
        } else if (!name.startsWith(".")) {
          others.put(name, "passed over: the name ends neither in .yaml nor .yml nor .json");
        } else if (isManifest(name.substring(1))) {
          others.put(name, "passed over: hidden");
        }
      }
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    passedOver = Map.copyOf(others);
    return names;
  }

  /** Editors' backups and half-written copies have other endings or begin with a dot. */
  static boolean isManifest(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return !name.startsWith(".")
        && (lower.endsWith(".yaml") || lower.endsWith(".yml") || lower.endsWith(".json"));
  }

  private void look(Path root, String file, boolean suspect, Findings findings) {
    Stamp before = known.get(file);
    try {
      Path real = root.resolve(file).toRealPath();
      if (!real.startsWith(root)) {
        throw new IOException("a link that leads out of the folder");
      }
      Stamp now = stamp(real);
      if (!suspect && now.equals(before) && !unfinished.containsKey(file)) {
        return;
      }
      if (isUnfinished(file, real, now, findings)) {
        return;
      }
      String text = read(real);
      // Written to while it was read: the next look reads it again.
      if (!now.equals(stamp(real)) || writers.of(real) == FileWriters.Answer.SOMEBODY) {
        begin(file, now);
        return;
      }
      unfinished.remove(file);
      known.put(file, now);
      findings.changed(file, text);
    } catch (IOException e) {
      // Also gone since it was listed, or a link to nothing: the next look tells which.
      unreadable(file, before, reason(e), findings);
    }
  }

  private boolean isUnfinished(String file, Path real, Stamp now, Findings findings) {
    FileWriters.Answer answer = writers.of(real);
    if (answer == FileWriters.Answer.NOBODY
        || (answer == FileWriters.Answer.UNKNOWN && hasRested(file, now))) {
      return false;
    }
    Unfinished state = begin(file, now);
    findings.unfinished(file, Duration.ofNanos(nanoTime.getAsLong() - state.begunNanos()));
    return true;
  }

  private Unfinished begin(String file, Stamp now) {
    long nanos = nanoTime.getAsLong();
    Unfinished earlier = unfinished.get(file);
    var state =
        new Unfinished(
            now,
            earlier != null && earlier.stamp().equals(now) ? earlier.sinceNanos() : nanos,
            earlier == null ? nanos : earlier.begunNanos());
    unfinished.put(file, state);
    return state;
  }

  /** By its age, or by what we saw of it: the clocks of another machine may differ from ours. */
  private boolean hasRested(String file, Stamp now) {
    FileTime modified = now.modified();
    long ageMillis = modified == null ? 0 : System.currentTimeMillis() - modified.toMillis();
    Unfinished earlier = unfinished.get(file);
    return ageMillis > REST.toMillis()
        || (earlier != null
            && earlier.stamp().equals(now)
            && nanoTime.getAsLong() - earlier.sinceNanos() >= REST.toNanos());
  }

  private void unreadable(String file, @Nullable Stamp before, String what, Findings findings) {
    var trouble = new Stamp(-1, null, null, what);
    unfinished.remove(file);
    known.put(file, trouble);
    if (!trouble.equals(before)) {
      findings.unreadable(file, what);
    }
  }

  private static Stamp stamp(Path real) throws IOException {
    var attributes =
        Files.readAttributes(real, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (attributes.isDirectory()) {
      throw new IOException("a folder within the folder: not read");
    }
    if (!attributes.isRegularFile()) {
      throw new IOException("not a regular file");
    }
    return new Stamp(attributes.size(), attributes.lastModifiedTime(), attributes.fileKey(), "");
  }

  private static String read(Path real) throws IOException {
    try (InputStream in = Files.newInputStream(real, LinkOption.NOFOLLOW_LINKS)) {
      return read(in);
    }
  }

  /** The text of a manifest, within bounds. */
  static String read(InputStream in) throws IOException {
    byte[] bytes = in.readNBytes(MAX_FILE_BYTES + 1);
    if (bytes.length > MAX_FILE_BYTES) {
      throw new IOException("larger than " + MAX_FILE_BYTES + " bytes");
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException("not UTF-8", e);
    }
  }

  /** What is wrong in words; a message of the JDK's may be the file's name and no more. */
  static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException _ -> "no such file";
      case AccessDeniedException _ -> "permission denied";
      case FileSystemException system when system.getReason() != null ->
          Objects.requireNonNullElse(system.getReason(), "");
      default -> Optional.ofNullable(e.getMessage()).orElse(e.toString());
    };
  }
}
