// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.DatapathException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A file with the devices of this instance, so that a later process of it takes over and removes
 * those, and no stranger's of the same name. One line a device: {@code NAME IFINDEX}, behind it
 * {@code adopted} where somebody else made it, and the Ethernet address that the kernel has for it
 * as far as that is known: a name and an index are given anew after the machine's next start. A
 * line that is anything else is passed over, and so is a file that cannot be read.
 *
 * <p>A device is noted before anything else is done to it: whenever the process ends, the next one
 * knows of everything that it has begun.
 *
 * <p>Safe for use by several threads: pods are connected side by side.
 */
public final class DeviceManifest {

  private static final Logger LOG = LoggerFactory.getLogger(DeviceManifest.class);

  private static final Pattern LINE =
      Pattern.compile(
          "(\\S{1,15}) (0|[1-9][0-9]{0,8})( adopted)?( (?:[0-9a-f]{2}:){5}[0-9a-f]{2})?");

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
  private final Map<String, MacAddress> macs = new TreeMap<>();

  private boolean damaged;

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
      List<String> lines = Files.readAllLines(file);
      for (String line : lines) {
        Matcher match = LINE.matcher(line);
        if (match.matches()) {
          devices.put(
              match.group(1),
              new Device(
                  Integer.parseInt(match.group(2)),
                  match.group(3) == null ? Origin.MADE : Origin.ADOPTED));
          if (match.group(4) != null) {
            macs.put(match.group(1), MacAddress.parse(match.group(4).strip()));
          }
        }
      }
      damaged = devices.isEmpty() && lines.stream().anyMatch(line -> !line.isBlank());
    } catch (NoSuchFileException e) {
      // The first process of this instance.
    } catch (IOException e) {
      damaged = true;
      LOG.warn("devices of an earlier run not known file={} error=\"{}\"", file, e.toString());
    }
    leftBehind.addAll(devices.keySet());
  }

  /** Notes a name of which there is no device, before one is made. */
  public void announce(String name) {
    put(name, new Device(NOT_YET, Origin.MADE), null);
  }

  /** Notes a device that was made just now. */
  public void add(String name, int ifindex) {
    put(name, new Device(ifindex, Origin.MADE), null);
  }

  /** As {@link #add(String, int)}, with the Ethernet address that the kernel has for it. */
  public void add(String name, int ifindex, MacAddress mac) {
    put(name, new Device(ifindex, Origin.MADE), mac);
  }

  /** Notes a device of somebody else's, before it is taken over. */
  public void adopt(String name, int ifindex) {
    put(name, new Device(ifindex, Origin.ADOPTED), null);
  }

  /** As {@link #adopt(String, int)}, with the Ethernet address that the kernel has for it. */
  public void adopt(String name, int ifindex, MacAddress mac) {
    put(name, new Device(ifindex, Origin.ADOPTED), mac);
  }

  /** Notes a device of an earlier process that was known no more; it counts as left behind. */
  public synchronized void find(String name, int ifindex, MacAddress mac, boolean made) {
    put(name, new Device(ifindex, made ? Origin.MADE : Origin.ADOPTED), mac);
    leftBehind.add(name);
  }

  /** Notes the Ethernet address that a device is about to get; no change if it is not noted. */
  public synchronized void changeMac(String name, MacAddress mac) {
    Device device = devices.get(name);
    if (device != null) {
      put(name, device, mac);
    }
  }

  private synchronized void put(String name, Device device, @Nullable MacAddress mac) {
    Device before = devices.put(name, device);
    MacAddress macBefore = mac == null ? macs.remove(name) : macs.put(name, mac);
    if (!device.equals(before) || !Objects.equals(mac, macBefore)) {
      try {
        write();
      } catch (DatapathException e) {
        // What is not noted must not be begun.
        restore(devices, name, before);
        restore(macs, name, macBefore);
        throw e;
      }
    }
    leftBehind.remove(name);
  }

  private static <V> void restore(Map<String, V> map, String name, @Nullable V before) {
    if (before == null) {
      map.remove(name);
    } else {
      map.put(name, before);
    }
  }

  /** Forgets a device that is gone. */
  public synchronized void remove(String name, int ifindex) {
    if (holds(name, ifindex)) {
      leftBehind.remove(name);
      devices.remove(name);
      macs.remove(name);
      write();
    }
  }

  /** Whether there was a file that says nothing: its devices are known by other signs at best. */
  public boolean isDamaged() {
    return damaged;
  }

  /** Whether the device of this name and index is this instance's. */
  public synchronized boolean holds(String name, int ifindex) {
    Device device = devices.get(name);
    return device != null && (device.ifindex() == ifindex || device.ifindex() == NOT_YET);
  }

  /** Whether this very device is this instance's: name, index and Ethernet address say so. */
  public synchronized boolean holds(Link link) {
    MacAddress mac = macs.get(link.name());
    return holds(link.name(), link.index()) && (mac == null || mac.equals(link.mac()));
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
    macs.clear();
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
    devices.forEach((name, device) -> {
      MacAddress mac = macs.get(name);
      text.append(name)
          .append(' ')
          .append(device.ifindex())
          .append(device.origin() == Origin.ADOPTED ? " adopted" : "")
          .append(mac == null ? "" : " " + mac)
          .append('\n');
    });
    try {
      PrivateFile.replace(file, text.toString());
    } catch (IOException e) {
      throw new DatapathException("write " + file + ": " + e, e);
    }
  }
}
