// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;

/** The object {@code seam.bpf.c} and the Java side of its C types. */
public final class Seam {

  /** A frame of 64 bytes, the type IPv4, otherwise zero. */
  static final byte[] PACKET = new byte[64];

  static {
    PACKET[12] = 8;
  }

  static final Codec<HashKey> HASH_KEY = new HashKeyCodec();
  static final Codec<HashValue> HASH_VALUE = new HashValueCodec();

  private Seam() {}

  record HashKey(int id, int port, int proto) {}

  record HashValue(long packets, int lastIfindex) {}

  static BpfObject open() {
    return open("seam");
  }

  /** An object of the tests, by its file's name. */
  public static BpfObject open(String object) {
    try (InputStream in = Seam.class.getResourceAsStream(object + ".bpf.o")) {
      if (in == null) {
        throw new AssertionError(object + ".bpf.o was not compiled");
      }
      return BpfObject.open(in.readAllBytes(), object);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** Runs a command, which must succeed. */
  static void sh(String... command) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (!process.waitFor(20, TimeUnit.SECONDS) || process.exitValue() != 0) {
        throw new AssertionError(String.join(" ", command) + ": " + output);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  /**
   * Bytes that this thread has allocated so far. By reflection, because the module under test does
   * not read java.management.
   */
  static long allocatedBytes() throws ReflectiveOperationException {
    Object bean =
        Class.forName("java.lang.management.ManagementFactory")
            .getMethod("getThreadMXBean")
            .invoke(null);
    return (long)
        Class.forName("com.sun.management.ThreadMXBean")
            .getMethod("getCurrentThreadAllocatedBytes")
            .invoke(bean);
  }

  private static final class HashKeyCodec implements Codec<HashKey> {
    private static final ValueLayout.OfShort BE16 = JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);

    @Override
    public MemoryLayout layout() {
      return MemoryLayout.structLayout(
              JAVA_INT.withName("id"),
              BE16.withName("port"),
              JAVA_BYTE.withName("proto"),
              JAVA_BYTE.withName("pad"))
          .withName("hash_key");
    }

    @Override
    public void write(HashKey key, MemorySegment to) {
      to.set(JAVA_INT, 0, key.id);
      to.set(BE16, 4, (short) key.port);
      to.set(JAVA_BYTE, 6, (byte) key.proto);
    }

    @Override
    public HashKey read(MemorySegment from) {
      return new HashKey(
          from.get(JAVA_INT, 0),
          Short.toUnsignedInt(from.get(BE16, 4)),
          Byte.toUnsignedInt(from.get(JAVA_BYTE, 6)));
    }
  }

  private static final class HashValueCodec implements Codec<HashValue> {
    @Override
    public MemoryLayout layout() {
      return MemoryLayout.structLayout(
              JAVA_LONG.withName("packets"),
              JAVA_INT.withName("last_ifindex"),
              JAVA_INT.withName("pad"))
          .withName("hash_value");
    }

    @Override
    public void write(HashValue value, MemorySegment to) {
      to.set(JAVA_LONG, 0, value.packets);
      to.set(JAVA_INT, 8, value.lastIfindex);
    }

    @Override
    public HashValue read(MemorySegment from) {
      return new HashValue(from.get(JAVA_LONG, 0), from.get(JAVA_INT, 8));
    }
  }
}
