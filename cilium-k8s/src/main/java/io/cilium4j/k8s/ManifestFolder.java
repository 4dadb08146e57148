// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import io.cilium4j.core.Namespace;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.FileWriters;
import io.cilium4j.k8s.manifest.Manifest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a folder of manifests says, read once: by the very steps by which the source {@code
 * directory} reads it, so that a check before says what the agent will make of it.
 *
 * @param files the names of the files that were looked at
 * @param resources policies and whatever else others read, in the order of their keys
 * @param shadowed what further files say of the same objects, which does not count
 * @param namespaces the namespaces among the objects
 * @param problems what is wrong and so not in force, by where it is wrong
 * @param notes what was passed over, by where it is
 */
public record ManifestFolder(
    List<String> files,
    List<RawResource> resources,
    List<RawResource> shadowed,
    List<Namespace> namespaces,
    Map<String, String> problems,
    Map<String, String> notes) {

  /** A folder whose files are all closed: who checks it has not begun to write the next. */
  private static final FileWriters NOBODY = _ -> FileWriters.Answer.NOBODY;

  public ManifestFolder {
    files = List.copyOf(files);
    resources = List.copyOf(resources);
    shadowed = List.copyOf(shadowed);
    namespaces = List.copyOf(namespaces);
    problems = new TreeMap<>(problems);
    notes = new TreeMap<>(notes);
  }

  /**
   * Reads a folder, or a file by itself; of the latter any kind of file, such as a pipe.
   *
   * @throws IOException if there is no such file, or the folder cannot be listed; the message says
   *     which and why
   */
  public static ManifestFolder read(Path path) throws IOException {
    try {
      if (!Files.isDirectory(path)) {
        try (InputStream in = Files.newInputStream(path)) {
          return parse(path.toString(), DirectoryScanner.read(in));
        }
      }
      var store = new ManifestStore();
      var scanner = new DirectoryScanner(path, NOBODY, System::nanoTime);
      scanner.scan(Set.of(), new Taker(store));
      return of(scanner.files(), store, path + "/", scanner.passedOver());
    } catch (IOException e) {
      throw new IOException(path + ": " + DirectoryScanner.reason(e), e);
    }
  }

  /** Reads the text of one file. */
  public static ManifestFolder parse(String file, String text) {
    var store = new ManifestStore();
    var _ = store.put(file, text);
    return of(List.of(file), store, "", Map.of());
  }

  private static ManifestFolder of(
      List<String> files, ManifestStore store, String prefix, Map<String, String> passedOver) {
    var resources = new ArrayList<RawResource>();
    var shadowed = new ArrayList<RawResource>();
    var namespaces = new ArrayList<Namespace>();
    for (ResourceKey key : store.keys().stream().sorted().toList()) {
      switch (store.get(key).orElseThrow()) {
        case Manifest.RawManifest(RawResource raw) -> resources.add(prefixed(prefix, raw));
        case Manifest.NamespaceManifest(Namespace namespace) -> namespaces.add(namespace);
        default -> {} // What is right of it nobody who reads a folder once asks for.
      }
      for (Manifest other : store.shadowed(key)) {
        if (other instanceof Manifest.RawManifest(RawResource raw)) {
          shadowed.add(prefixed(prefix, raw));
        }
      }
    }
    var notes = new TreeMap<>(store.notes());
    notes.putAll(passedOver);
    return new ManifestFolder(
        files,
        resources,
        shadowed,
        namespaces,
        prefixed(prefix, store.problems()),
        prefixed(prefix, notes));
  }

  private static RawResource prefixed(String prefix, RawResource raw) {
    return new RawResource(raw.key(), raw.apiVersion(), raw.object(), prefix + raw.origin());
  }

  private static Map<String, String> prefixed(String prefix, Map<String, String> places) {
    var all = new TreeMap<String, String>();
    places.forEach((place, what) -> all.put(prefix + place, what));
    return all;
  }

  /** Hands what the scanner finds to the store. */
  private record Taker(ManifestStore store) implements DirectoryScanner.Findings {
    @Override
    public void changed(String file, String text) {
      var _ = store.put(file, text);
    }

    @Override
    public void unreadable(String file, String what) {
      store.fail(file, what);
    }

    @Override
    public void unfinished(String file, Duration since) {
      store.fail(file, "being written to");
    }

    @Override
    public void gone(String file) {
      var _ = store.remove(file);
    }
  }
}
