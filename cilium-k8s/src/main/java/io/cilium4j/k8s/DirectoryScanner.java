// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Looks at a folder and tells which files changed since the last look.
 *
 * <p>Only regular files of the folder itself are read, a link only where it leads to one inside the
 * folder. Bounded are the size of a file and the number of files. Not safe for use by several
 * threads.
 */
final class DirectoryScanner {

  /** Largest file, 1 MiB: more than Kubernetes' store takes of one object. */
  static final int MAX_FILE_BYTES = 1 << 20;

  /** Most files that are looked at. */
  static final int MAX_FILES = 10_000;

  /** What a look found. */
  interface Findings {
    /** A file is new or was written to. */
    void changed(String file, String text);

    /** A file is there and cannot be read. */
    void unreadable(String file, String what);

    /** A file is gone. */
    void gone(String file);
  }

  /** What tells a file from what it was; a file that cannot be read has its trouble in it. */
  private record Stamp(
      long sizeBytes, @Nullable FileTime modified, @Nullable Object fileKey, String trouble) {}

  private final Path folder;
  private final Map<String, Stamp> known = new HashMap<>();

  DirectoryScanner(Path folder) {
    this.folder = folder;
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
  }

  private static Set<String> list(Path root) throws IOException {
    var names = new TreeSet<String>();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(root)) {
      for (Path entry : entries) {
        String name = String.valueOf(entry.getFileName());
        if (!isManifest(name)) {
          continue;
        }
        names.add(name);
        if (names.size() > MAX_FILES) {
          throw new IOException("more than " + MAX_FILES + " manifests");
        }
      }
    } catch (DirectoryIteratorException e) {
      throw new IOException(e.getCause());
    }
    return names;
  }

  /** Editors' backups and half-written copies have other endings or begin with a dot. */
  static boolean isManifest(String name) {
    return !name.startsWith(".")
        && (name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".json"));
  }

  private void look(Path root, String file, boolean suspect, Findings findings) {
    Stamp before = known.get(file);
    try {
      Path real = root.resolve(file).toRealPath();
      if (!real.startsWith(root)) {
        throw new IOException("a link that leads out of the folder");
      }
      Stamp now = stamp(real);
      if (!suspect && now.equals(before)) {
        return;
      }
      String text = read(real);
      // Written to while it was read: the stamp stays unknown, so that the next look reads it
      // again.
      known.put(file, now.equals(stamp(real)) ? now : new Stamp(-1, null, null, ""));
      findings.changed(file, text);
    } catch (NoSuchFileException e) {
      // Gone since it was listed, or a link to nothing: the next look tells which.
      unreadable(file, before, "no such file", findings);
    } catch (IOException e) {
      unreadable(file, before, Objects.requireNonNullElse(e.getMessage(), e.toString()), findings);
    }
  }

  private void unreadable(String file, @Nullable Stamp before, String what, Findings findings) {
    var trouble = new Stamp(-1, null, null, what);
    known.put(file, trouble);
    if (!trouble.equals(before)) {
      findings.unreadable(file, what);
    }
  }

  private static Stamp stamp(Path real) throws IOException {
    var attributes =
        Files.readAttributes(real, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isRegularFile()) {
      throw new IOException("not a regular file");
    }
    return new Stamp(attributes.size(), attributes.lastModifiedTime(), attributes.fileKey(), "");
  }

  private static String read(Path real) throws IOException {
    byte[] bytes;
    try (InputStream in = Files.newInputStream(real, LinkOption.NOFOLLOW_LINKS)) {
      bytes = in.readNBytes(MAX_FILE_BYTES + 1);
    }
    if (bytes.length > MAX_FILE_BYTES) {
      throw new IOException("larger than " + MAX_FILE_BYTES + " bytes");
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new IOException("not UTF-8", e);
    }
  }
}
