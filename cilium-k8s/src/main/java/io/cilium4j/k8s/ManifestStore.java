// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.ResourceKey;
import io.cilium4j.k8s.ManifestReader.Document;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What each file says, and what follows from all of them.
 *
 * <ul>
 *   <li>A document that is wrong leaves its object as the file last told it rightly.
 *   <li>A file that cannot be read as a whole, or has a document that does not say which object it
 *       is, loses none of its objects: the missing one may be just that.
 *   <li>Of two files that define one object the first by name counts.
 * </ul>
 *
 * <p>Not safe for use by several threads.
 */
final class ManifestStore {

  private final ManifestReader reader = new ManifestReader();

  /** By object, then by file in the order of names. */
  private final Map<ResourceKey, TreeMap<String, Manifest>> byKey = new HashMap<>();

  private final Map<String, Set<ResourceKey>> byFile = new HashMap<>();

  /** Objects that several files define. */
  private final Set<ResourceKey> contested = new HashSet<>();

  /** By place, {@code FILE} or {@code FILE document N KEY}. */
  private final TreeMap<String, String> problems = new TreeMap<>();

  /** The object that counts. */
  Optional<Manifest> get(ResourceKey key) {
    TreeMap<String, Manifest> candidates = byKey.get(key);
    return candidates == null ? Optional.empty() : Optional.of(candidates.firstEntry().getValue());
  }

  /** What is wrong with any file now, by place. */
  Map<String, String> problems() {
    var all = new TreeMap<>(problems);
    byKey.forEach((key, candidates) -> {
      String first = candidates.firstKey();
      for (String file : candidates.tailMap(first, false).keySet()) {
        all.put(file + " " + key, "defined in " + first + " too, which counts");
      }
    });
    return all;
  }

  /** Takes over a file's new text, and returns the objects that may be different now. */
  Set<ResourceKey> put(String file, String text) {
    clearProblems(file);
    List<Document> documents;
    try {
      documents = reader.read(text);
    } catch (ManifestException e) {
      problems.put(file, String.valueOf(e.getMessage()));
      return Set.of();
    }
    var touched = new HashSet<ResourceKey>();
    var gone = new HashSet<>(byFile.getOrDefault(file, Set.of()));
    var seen = new HashSet<ResourceKey>();
    boolean unnamed = false;
    for (Document document : documents) {
      Optional<ResourceKey> key = Manifests.key(document.tree());
      String place = file + " document " + document.index();
      if (key.isEmpty()) {
        unnamed = true;
      } else {
        gone.remove(key.get());
        place += " " + key.get();
      }
      try {
        Optional<Manifest> manifest = Manifests.convert(document.tree());
        if (manifest.isPresent() && !seen.add(manifest.get().key())) {
          throw new ManifestException("defined twice in this file; the first counts");
        }
        manifest.ifPresent(good -> enter(file, good, touched));
      } catch (ManifestException e) {
        problems.put(place, String.valueOf(e.getMessage()));
      }
    }
    if (!unnamed) {
      gone.forEach(key -> leave(file, key, touched));
    }
    return touched;
  }

  /** Notes that a file cannot be read; its objects stay. */
  void fail(String file, String what) {
    clearProblems(file);
    problems.put(file, what);
  }

  /** Forgets a file that is gone, and returns the objects that may be different now. */
  Set<ResourceKey> remove(String file) {
    clearProblems(file);
    var touched = new HashSet<ResourceKey>();
    Set.copyOf(byFile.getOrDefault(file, Set.of())).forEach(key -> leave(file, key, touched));
    return touched;
  }

  private void clearProblems(String file) {
    problems.remove(file);
    problems.keySet().removeIf(place -> place.startsWith(file + " document "));
  }

  private void enter(String file, Manifest manifest, Set<ResourceKey> touched) {
    byFile.computeIfAbsent(file, name -> new HashSet<>()).add(manifest.key());
    var candidates = byKey.computeIfAbsent(manifest.key(), key -> new TreeMap<>());
    candidates.put(file, manifest);
    if (candidates.size() > 1) {
      contested.add(manifest.key());
    }
    touched.add(manifest.key());
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
}
