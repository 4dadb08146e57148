// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The maps of one object that are kept in a bpf file system, around the object's load.
 *
 * <p>Before the load each path is looked up. A map that is pinned there and has the declared shape
 * takes the place of the one the load would have created; one of another shape ends the load before
 * it begins. After the load the maps that were created are pinned. libbpf can do as much by itself,
 * but answers a map of another shape with EINVAL and a line of text; here the two shapes are data.
 *
 * <p>Another process may pin at the same moment: the pin that comes second fails (EEXIST), and with
 * it the load, instead of two sets of maps being in use.
 */
final class PinnedMaps {
  private final BpfObject object;
  private final Map<String, Path> paths = new LinkedHashMap<>();

  PinnedMaps(BpfObject object) {
    this.object = object;
  }

  void add(String map, Path path) {
    paths.put(map, path);
  }

  /**
   * Puts what is pinned in the place of what is declared, all maps or none.
   *
   * @return the names of the maps that now stand for pinned ones
   */
  Set<String> reuse() {
    Map<String, Fd> pinned = new LinkedHashMap<>();
    try {
      // All are looked at before the first is taken.
      paths.forEach((map, path) -> open(path).ifPresent(fd -> pinned.put(map, fitting(map, fd))));
      pinned.forEach((map, fd) -> object.reuse(map, fd.get()));
    } finally {
      pinned.values().forEach(Fd::close); // libbpf has made descriptors of its own
    }
    return Set.copyOf(pinned.keySet());
  }

  /** Only ENOENT is absence: a pin that we may not open is not one to be overwritten. */
  private static Optional<Fd> open(Path path) {
    try {
      return Optional.of(Fd.ofPin(path.toString()));
    } catch (BpfException e) {
      if (e.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Answers {@code fd} if its map has the declared shape; closes it otherwise. */
  private Fd fitting(String map, Fd fd) {
    try {
      MapSpec wanted = object.declared(map);
      MapSpec got = KernelInfo.ofMap(fd).spec();
      if (!got.fits(wanted, LibBpf.possibleCpus())) {
        throw new MapMismatchException("pin", fd.what(), wanted, got);
      }
      return fd;
    } catch (RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  /** Pins the maps that were created; when one cannot be, the pins made here are taken back. */
  void pinAllBut(Set<String> reused) {
    List<Path> done = new ArrayList<>();
    try {
      paths.forEach((map, path) -> {
        if (!reused.contains(map)) {
          LibBpf.objectPin(object.borrowedMapFd(map), path.toString());
          done.add(path);
        }
      });
    } catch (BpfException e) {
      for (Path path : done) {
        try {
          Files.deleteIfExists(path);
        } catch (IOException suppressed) {
          e.addSuppressed(suppressed);
        }
      }
      throw e;
    }
  }
}
