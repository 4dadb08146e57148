// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.lb;

import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.MaglevParameters;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;

/**
 * A look-up table after the paper "Maglev: A Fast and Reliable Software Network Load Balancer"
 * (NSDI 2016, section 3.4): which of a service's backends has each of the table's slots.
 *
 * <p>Each backend has an order of its own in which it wants the slots: it starts at some slot and
 * goes on by steps of one size, both from a hash of its address and port. As the number of slots is
 * a prime, that leads to all of them. In turn each backend takes the next slot of its order that
 * nobody has yet, until all are taken. So all backends have as many slots, but for one; and when a
 * backend goes, most of the others' slots are taken as before.
 *
 * <p>Nothing but addresses, ports and the parameters counts, so that all nodes make the same.
 */
public final class MaglevTable {

  private static final Comparator<Backend> ORDER =
      Comparator.comparing(Backend::address).thenComparingInt(Backend::port);

  private static final int NOBODY = -1;

  private final MaglevParameters parameters;
  private final List<Backend> backends;

  /**
   * Of these backends, in whatever order; whether they are active does not count.
   *
   * @param backends at least one, and no more than there are slots; each address and port once
   */
  public MaglevTable(Collection<Backend> backends, MaglevParameters parameters) {
    if (backends.isEmpty() || backends.size() > parameters.tableSize()) {
      throw new IllegalArgumentException(
          backends.size() + " backends for " + parameters.tableSize() + " slots");
    }
    this.parameters = parameters;
    this.backends = backends.stream().sorted(ORDER).toList();
  }

  /**
   * A name for the table's content: equal for equal tables, and for no others. 16 hexadecimal
   * digits.
   */
  public String digest() {
    MessageDigest digest = begun();
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(parameters.tableSize()).flip());
    backends.forEach(each -> digest.update(bytes(each)));
    return HexFormat.of().formatHex(digest.digest(), 0, Long.BYTES);
  }

  /** Who has each slot, from the first one on. */
  public List<Backend> slots() {
    int size = parameters.tableSize();
    int count = backends.size();
    int[] next = new int[count];
    int[] step = new int[count];
    for (int i = 0; i < count; i++) {
      ByteBuffer hash = ByteBuffer.wrap(begun().digest(bytes(backends.get(i))));
      next[i] = (int) Long.remainderUnsigned(hash.getLong(), size);
      step[i] = (int) Long.remainderUnsigned(hash.getLong(), size - 1L) + 1;
    }
    int[] slots = new int[size];
    Arrays.fill(slots, NOBODY);
    for (int taken = 0; taken < size; taken++) {
      int turn = taken % count;
      while (slots[next[turn]] != NOBODY) {
        next[turn] = (next[turn] + step[turn]) % size;
      }
      slots[next[turn]] = turn;
    }
    return Arrays.stream(slots).mapToObj(backends::get).toList();
  }

  /** A hash that knows the seed already. */
  private MessageDigest begun() {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(parameters.seed());
      return digest;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // Every Java has it.
    }
  }

  /** Address, then port: of one length within a family. */
  private static byte[] bytes(Backend backend) {
    byte[] address = backend.address().bytes();
    return ByteBuffer.allocate(address.length + Short.BYTES)
        .put(address)
        .putShort((short) backend.port())
        .array();
  }
}
