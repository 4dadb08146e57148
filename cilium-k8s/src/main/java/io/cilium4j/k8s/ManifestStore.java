// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.ResourceKey;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import io.cilium4j.k8s.ManifestReader.Document;
import io.cilium4j.k8s.manifest.Manifest;
import io.cilium4j.k8s.manifest.ManifestException;
import io.cilium4j.k8s.manifest.Manifests;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What each file says, and what follows from all of them.
 *
 * <ul>
 *   <li>A document that is wrong leaves its object as the file last told it rightly.
 *   <li>A file that cannot be read as a whole, or has a wrong document that is none of its known
 *       objects, loses none of its objects: the missing one may be just that.
 *   <li>Of two files that define one object the first by name counts.
 *   <li>What each file last said rightly can be written down and read again, so that all of this
 *       holds over a restart.
 * </ul>
 *
 * <p>Not safe for use by several threads.
 */
final class ManifestStore {

  /** Raised when the form of what is written down changes. */
  private static final int VERSION = 1;

  private final ManifestReader reader = new ManifestReader();

  /** An object with the document that says so. */
  private record Entry(Manifest manifest, Object document) {}

  /** By object, then by file in the order of names. */
  private final Map<ResourceKey, TreeMap<String, Entry>> byKey = new HashMap<>();

  private final TreeMap<String, TreeMap<ResourceKey, Entry>> byFile = new TreeMap<>();

  /** Objects that several files define. */
  private final Set<ResourceKey> contested = new HashSet<>();

  /** What was passed over, being of no kind that is read; by place as {@link #problems}. */
  private final TreeMap<String, String> notes = new TreeMap<>();

  /** Files that may hold objects of which we know nothing. */
  private final Set<String> unsure = new HashSet<>();

  /** Definitions that do not count since their file has another of the object; by place. */
  private final TreeMap<String, String> repeated = new TreeMap<>();

  /** By place, {@code FILE} or {@code FILE document N KEY}. */
  private final TreeMap<String, String> problems = new TreeMap<>();

  /** The object that counts. */
  Optional<Manifest> get(ResourceKey key) {
    TreeMap<String, Entry> candidates = byKey.get(key);
    return candidates == null
        ? Optional.empty()
        : Optional.of(candidates.firstEntry().getValue().manifest());
  }

  /** What other files say of an object, which does not count. */
  List<Manifest> shadowed(ResourceKey key) {
    TreeMap<String, Entry> candidates = byKey.get(key);
    return candidates == null
        ? List.of()
        : candidates.values().stream().skip(1).map(Entry::manifest).toList();
  }

  /** Every object that there is. */
  Set<ResourceKey> keys() {
    return Set.copyOf(byKey.keySet());
  }

  /** What was passed over, by place. */
  Map<String, String> notes() {
    return Map.copyOf(notes);
  }

  /** Whether every file can be read; of an object that is defined twice one definition counts. */
  boolean isReadable() {
    return problems.isEmpty();
  }

  /** What is wrong with any file now, by place. */
  Map<String, String> problems() {
    var all = new TreeMap<>(problems);
    all.putAll(repeated);
    for (ResourceKey key : contested) {
      TreeMap<String, Entry> candidates = byKey.get(key);
      if (candidates != null) {
        String first = candidates.firstKey();
        for (String file : candidates.tailMap(first, false).keySet()) {
          all.put(file + " " + key, "defined in " + first + " too, which counts");
        }
      }
    }
    return all;
  }

  /** Takes over a file's new text, and returns the objects that may be different now. */
  Set<ResourceKey> put(String file, String text) {
    clearProblems(file);
    List<Document> documents;
    try {
      documents = reader.read(text);
    } catch (ManifestException e) {
      fail(file, String.valueOf(e.getMessage()));
      return Set.of();
    }
    var touched = new HashSet<ResourceKey>();
    var gone = new HashSet<>(keysOf(file));
    var seen = new HashSet<ResourceKey>();
    for (Document document : documents) {
      Optional<ResourceKey> key = Manifests.key(document.tree());
      String place = file + " document " + document.index();
      if (key.isPresent()) {
        gone.remove(key.get());
        place += " " + key.get();
      }
      try {
        Optional<Manifest> manifest = Manifests.convert(document.tree(), file);
        if (manifest.isEmpty()) {
          notes.put(place, "passed over: nothing here reads this kind");
        } else if (!seen.add(manifest.get().key())) {
          repeated.put(place, "defined twice in this file; the first counts");
        } else {
          enter(file, new Entry(manifest.get(), document.tree()), touched);
        }
      } catch (ManifestException e) {
        problems.put(place, String.valueOf(e.getMessage()));
        // A mistake in the kind or name makes it look like another object.
        if (key.isEmpty() || !keysOf(file).contains(key.get())) {
          unsure.add(file);
        }
      }
    }
    if (!unsure.contains(file)) {
      gone.forEach(key -> leave(file, key, touched));
    }
    return touched;
  }

  /** Notes that a file cannot be read; its objects stay. */
  void fail(String file, String what) {
    clearProblems(file);
    problems.put(file, what);
    if (keysOf(file).isEmpty()) {
      unsure.add(file);
    }
  }

  /**
   * Whether a file may hold objects of which we know nothing, such as those of one that is gone.
   */
  boolean isUnsure() {
    return !unsure.isEmpty();
  }

  /** Forgets a file that is gone, and returns the objects that may be different now. */
  Set<ResourceKey> remove(String file) {
    clearProblems(file);
    var touched = new HashSet<ResourceKey>();
    keysOf(file).forEach(key -> leave(file, key, touched));
    return touched;
  }

  private Set<ResourceKey> keysOf(String file) {
    TreeMap<ResourceKey, Entry> entries = byFile.get(file);
    return entries == null ? Set.of() : Set.copyOf(entries.keySet());
  }

  private void clearProblems(String file) {
    String documents = file + " document ";
    // All places of the file's documents, and of no other file, are between these two.
    String end = file + " document!";
    problems.remove(file);
    unsure.remove(file);
    problems.subMap(documents, end).clear();
    repeated.subMap(documents, end).clear();
    notes.subMap(documents, end).clear();
  }

  private void enter(String file, Entry entry, Set<ResourceKey> touched) {
    ResourceKey key = entry.manifest().key();
    byFile.computeIfAbsent(file, name -> new TreeMap<>()).put(key, entry);
    var candidates = byKey.computeIfAbsent(key, same -> new TreeMap<>());
    candidates.put(file, entry);
    if (candidates.size() > 1) {
      contested.add(key);
    }
    touched.add(key);
  }

  private void leave(String file, ResourceKey key, Set<ResourceKey> touched) {
    byFile.computeIfPresent(
        file,
        (name, keys) -> {
          keys.remove(key);
          return keys.isEmpty() ? null : keys;
        });
    byKey.computeIfPresent(
        key,
        (same, candidates) -> {
          candidates.remove(file);
          if (candidates.size() <= 1) {
            contested.remove(key);
          }
          return candidates.isEmpty() ? null : candidates;
        });
    touched.add(key);
  }

  // ---- over a restart ----

  /** What each file last said rightly. */
  byte[] remember() {
    var files = new TreeMap<String, List<Object>>();
    byFile.forEach(
        (file, keys) -> files.put(file, keys.values().stream().map(Entry::document).toList()));
    return JsonWriter.writeBytes(Map.of("version", VERSION, "files", files));
  }

  /**
   * Takes over what an earlier run remembered; to be called before anything else.
   *
   * @return the files that there were
   * @throws IOException if it cannot be read; then nothing is taken over
   */
  Set<String> recall(byte[] remembered) throws IOException {
    try {
      Object root = DocumentReader.readKept(remembered);
      if (!Objects.equals(Trees.at(root, "version"), VERSION)) {
        throw new IOException("wanted version " + VERSION);
      }
      var touched = new HashSet<ResourceKey>();
      for (String file : Trees.map(Trees.at(root, "files")).keySet()) {
        for (Object document : Trees.items(root, "files", file)) {
          Manifest manifest =
              Manifests.convert(document, file)
                  .orElseThrow(() -> new ManifestException("an object that is not read any more"));
          enter(file, new Entry(manifest, document), touched);
        }
      }
      return Set.copyOf(byFile.keySet());
    } catch (IllegalArgumentException | ManifestException e) {
      byKey.clear();
      byFile.clear();
      contested.clear();
      throw new IOException(e.getMessage(), e);
    }
  }
}
