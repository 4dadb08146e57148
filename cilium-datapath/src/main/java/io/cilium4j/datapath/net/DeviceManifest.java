// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * A file with the devices that this instance made, so that a later process of it takes over and
 * removes those, and no stranger's of the same name. One line a device: {@code NAME IFINDEX}. A
 * line that is anything else is passed over.
 *
 * <p>Safe for use by several threads: pods are connected side by side.
 */
public final class DeviceManifest {

  private static final Pattern LINE = Pattern.compile("(\\S{1,15}) ([1-9][0-9]{0,8})");

  private final Path file;
  private final Map<String, Integer> indexes = new TreeMap<>();

  /**
   * Reads the file, if there is one.
   *
   * @param datapath name of the datapath: each keeps a file of its own
   */
  public DeviceManifest(Path runFolder, String datapath) {
    this.file = runFolder.resolve(datapath + "-devices");
    try {
      for (String line : Files.readAllLines(file)) {
        var match = LINE.matcher(line);
        if (match.matches()) {
          indexes.put(match.group(1), Integer.valueOf(match.group(2)));
        }
      }
    } catch (NoSuchFileException e) {
      // The first process of this instance.
    } catch (IOException e) {
      throw new DatapathException("read " + file + ": " + e, e);
    }
  }

  /** Notes a device that was made just now. */
  public synchronized void add(String name, int ifindex) {
    if (!Integer.valueOf(ifindex).equals(indexes.put(name, ifindex))) {
      write();
    }
  }

  /** Forgets a device that is gone. */
  public synchronized void remove(String name, int ifindex) {
    if (indexes.remove(name, ifindex)) {
      write();
    }
  }

  /** Whether this instance made the device of this name and index. */
  public synchronized boolean holds(String name, int ifindex) {
    return Integer.valueOf(ifindex).equals(indexes.get(name));
  }

  /** Names and indexes, as a copy. */
  public synchronized Map<String, Integer> devices() {
    return Map.copyOf(indexes);
  }

  /** Removes the file. */
  public synchronized void delete() {
    indexes.clear();
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new DatapathException("remove " + file + ": " + e, e);
    }
  }

  /** Writes a new file and puts it in place of the old one: a reader sees either, whole. */
  private void write() {
    var text = new StringBuilder();
    indexes.forEach((name, ifindex) -> text.append(name).append(' ').append(ifindex).append('\n'));
    Path fresh = file.resolveSibling(file.getFileName() + ".new");
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(fresh, text);
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new DatapathException("write " + file + ": " + e, e);
    }
  }
}
