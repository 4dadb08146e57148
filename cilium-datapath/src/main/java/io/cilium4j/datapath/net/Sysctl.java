// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Network settings under {@code /proc/sys/net}. The kernel shows there the settings of the
 * <em>reading thread's</em> namespace; for another one, {@code netns.call(() -> Sysctl.read(…))}.
 *
 * <p>Keys are written with slashes, {@code net/ipv4/conf/eth0/rp_filter}, since a device's name may
 * hold dots.
 */
public final class Sysctl {

  private static final Path ROOT = Path.of("/proc/sys");

  /** Below net/, no part empty, none made of dots alone: nothing climbs out. */
  private static final Pattern KEY = Pattern.compile("net(/(?!\\.+(/|$))[^/\\s\\x00]+)+");

  private static final int MAX_BYTES = 4096;

  private Sysctl() {}

  /** The value, without the line's end; absent if this kernel or namespace has no such key. */
  public static Optional<String> read(String key) {
    Path file = file(key);
    try {
      return Optional.of(text(file));
    } catch (NoSuchFileException _) {
      return Optional.empty();
    } catch (IOException e) {
      throw new NetException("read sysctl " + key, e);
    }
  }

  /** In one read: such a file ends behind the first one, which readString does for one byte. */
  private static String text(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return new String(in.readNBytes(MAX_BYTES), StandardCharsets.UTF_8).strip();
    }
  }

  /**
   * Sets a value. One that is already as wanted is not written, so that a read-only {@code
   * /proc/sys} that was prepared well is good enough.
   */
  public static void write(String key, String value) {
    Path file = file(key);
    try {
      if (!text(file).equals(value)) {
        Files.writeString(file, value + "\n", StandardOpenOption.WRITE);
      }
    } catch (IOException e) {
      throw new NetException("set sysctl " + key + " to " + value, e);
    }
  }

  /** Sets a value where the key exists; whether it does. */
  public static boolean writeIfPresent(String key, String value) {
    if (!Files.exists(file(key))) {
      return false;
    }
    write(key, value);
    return true;
  }

  private static Path file(String key) {
    if (!KEY.matcher(key).matches()) {
      throw new IllegalArgumentException(
          "sysctl \"" + key + "\": wanted a key such as net/ipv4/ip_forward");
    }
    return ROOT.resolve(key);
  }
}
