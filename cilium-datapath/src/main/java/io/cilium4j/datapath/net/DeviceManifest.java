// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file with the devices of this instance, so that a later process of it takes over and removes
 * those, and no stranger's of the same name. One line a device: {@code NAME IFINDEX}, and behind it
 * {@code adopted} where somebody else made it. A line that is anything else is passed over.
 *
 * <p>A device is noted before anything else is done to it: whenever the process ends, the next one
 * knows of everything that it has begun.
 *
 * <p>Safe for use by several threads: pods are connected side by side.
 */
public final class DeviceManifest {

  private static final Pattern LINE = Pattern.compile("(\\S{1,15}) (0|[1-9][0-9]{0,8})( adopted)?");

  /** In place of the index of a device that is about to be made. */
  private static final int NOT_YET = 0;

  /**
   * A device.
   *
   * @param ifindex its index; 0 for one that was about to be made, and may be there or not
   * @param origin who made it
   */
  public record Device(int ifindex, Origin origin) {}

  /** Who made a device. */
  public enum Origin {
    /** This instance. */
    MADE,
    /** Somebody else, from whom this instance took it over. */
    ADOPTED
  }

  private final Path file;
  private final Map<String, Device> devices = new TreeMap<>();

  /** Those of an earlier process that this one has not connected anew. */
  private final Set<String> leftBehind = new HashSet<>();

  /**
   * Reads the file, if there is one.
   *
   * @param datapath name of the datapath: each keeps a file of its own
   */
  public DeviceManifest(Path runFolder, String datapath) {
    this.file = runFolder.resolve(datapath + "-devices");
    try {
      for (String line : Files.readAllLines(file)) {
        Matcher match = LINE.matcher(line);
        if (match.matches()) {
          devices.put(
              match.group(1),
              new Device(
                  Integer.parseInt(match.group(2)),
                  match.group(3) == null ? Origin.MADE : Origin.ADOPTED));
        }
      }
    } catch (NoSuchFileException e) {
      // The first process of this instance.
    } catch (IOException e) {
      throw new DatapathException("read " + file + ": " + e, e);
    }
    leftBehind.addAll(devices.keySet());
  }

  /** Notes a name of which there is no device, before one is made. */
  public void announce(String name) {
    put(name, new Device(NOT_YET, Origin.MADE));
  }

  /** Notes a device that was made just now. */
  public void add(String name, int ifindex) {
    put(name, new Device(ifindex, Origin.MADE));
  }

  /** Notes a device of somebody else's, before it is taken over. */
  public void adopt(String name, int ifindex) {
    put(name, new Device(ifindex, Origin.ADOPTED));
  }

  private synchronized void put(String name, Device device) {
    Device before = devices.put(name, device);
    if (!device.equals(before)) {
      try {
        write();
      } catch (DatapathException e) {
        // What is not noted must not be begun.
        if (before == null) {
          devices.remove(name);
        } else {
          devices.put(name, before);
        }
        throw e;
      }
    }
    leftBehind.remove(name);
  }

  /** Forgets a device that is gone. */
  public synchronized void remove(String name, int ifindex) {
    if (holds(name, ifindex)) {
      leftBehind.remove(name);
      devices.remove(name);
      write();
    }
  }

  /** Whether the device of this name and index is this instance's. */
  public synchronized boolean holds(String name, int ifindex) {
    Device device = devices.get(name);
    return device != null && (device.ifindex() == ifindex || device.ifindex() == NOT_YET);
  }

  /** The devices by name, as a copy. */
  public synchronized Map<String, Device> devices() {
    return Map.copyOf(devices);
  }

  /** Those of an earlier process that this one has neither connected nor removed, as a copy. */
  public synchronized Map<String, Device> leftBehind() {
    Map<String, Device> left = new TreeMap<>(devices);
    left.keySet().retainAll(leftBehind);
    return left;
  }

  /** Removes the file. */
  public synchronized void delete() {
    devices.clear();
    leftBehind.clear();
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new DatapathException("remove " + file + ": " + e, e);
    }
  }

  /** Writes a new file and puts it in place of the old one: a reader sees either, whole. */
  private void write() {
    var text = new StringBuilder();
    devices.forEach((name, device) ->
        text.append(name)
            .append(' ')
            .append(device.ifindex())
            .append(device.origin() == Origin.ADOPTED ? " adopted\n" : "\n"));
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
