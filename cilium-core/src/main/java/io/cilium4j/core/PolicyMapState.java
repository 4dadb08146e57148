// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The compiled policy of one subject: an immutable hash table from {@link PolicyKey} to {@link
 * PolicyEntry}, with the look-up that decides a packet. The eBPF program looks up the same keys in
 * the same order.
 *
 * <p><b>Look-up.</b> A key's <em>shape</em> is how much of protocol and port it fixes: nothing (0),
 * the protocol (1), the protocol and the first n bits of the port (1 + n). For each of the 18
 * shapes that the map really uses, from the narrowest on, one probe of the hash table asks for the
 * packet's port cut to that shape; the first hit is the longest match. This is done for the peer's
 * identity and for its aggregate. Of the two answers the higher precedence decides; at equal
 * precedence a deny stays a deny, else the narrower shape decides, else the peer's own identity. No
 * answer is a denial: absent is deny.
 *
 * <p>Most policies use two or three shapes, so a look-up is a handful of probes however many
 * entries there are; it allocates nothing.
 *
 * <p><b>Layout.</b> One {@code long} a slot holds the whole key: identity in bits 63 to 32,
 * protocol 31 to 24, port 23 to 8, direction in bit 7, shape in bits 4 to 0, and bit 6 always set
 * so that no key is 0. A state made from another one ({@link #toBuilder}) shares with it what it
 * does not change, so that a small change of a large state is cheap.
 */
public final class PolicyMapState {

  /** The narrowest shape: protocol and all 16 bits of the port. */
  public static final int MAX_SHAPE = 17;

  /** The state of a subject that no policy selects: everything passes in both directions. */
  public static final PolicyMapState ALLOW_ALL = allowAll();

  /** The state without an entry: nothing passes. */
  public static final PolicyMapState DENY_ALL = builder(0).build();

  private static final long OCCUPIED = 1L << 6;
  private static final long KEY_WITHOUT_IDENTITY = 0xffff_ffffL;

  private final int localClusterId;
  private final EntryTable table;

  /**
   * Bit n of {@code ownShapes[direction]}: a key of an identity that is no aggregate has shape n,
   * or had before it was removed.
   */
  private final int[] ownShapes;

  private final int[] aggregateShapes;

  private PolicyMapState(Builder builder) {
    this.localClusterId = builder.localClusterId;
    this.table = builder.table.seal();
    this.ownShapes = builder.ownShapes;
    this.aggregateShapes = builder.aggregateShapes;
  }

  private static PolicyMapState allowAll() {
    Builder builder = builder(0);
    for (TrafficDirection direction : TrafficDirection.values()) {
      builder.putAll(direction, PolicyEntry.allow(0));
    }
    return builder.build();
  }

  /**
   * A builder of states.
   *
   * @param localClusterId the id of our own cluster, which decides an identity's aggregate
   */
  public static Builder builder(int localClusterId) {
    return new Builder(localClusterId);
  }

  /**
   * Gathers entries; of two with the same key the later wins. Not safe for use by several threads.
   */
  public static final class Builder {
    private final int localClusterId;
    private final EntryTable table;
    private final int[] ownShapes;
    private final int[] aggregateShapes;

    private Builder(int localClusterId) {
      this.localClusterId = localClusterId;
      this.table = new EntryTable();
      this.ownShapes = new int[2];
      this.aggregateShapes = new int[2];
    }

    private Builder(PolicyMapState from) {
      this.localClusterId = from.localClusterId;
      this.table = from.table.copy();
      this.ownShapes = from.ownShapes.clone();
      this.aggregateShapes = from.aggregateShapes.clone();
    }

    public Builder put(PolicyKey key, PolicyEntry entry) {
      return putPacked(pack(key), entry);
    }

    /** As {@link #put(PolicyKey, PolicyEntry)}, with the key in parts, for those who have many. */
    public Builder put(
        TrafficDirection direction,
        int identity,
        int protocol,
        int port,
        int portPrefixLength,
        PolicyEntry entry) {
      int shape = protocol == 0 ? 0 : 1 + portPrefixLength;
      return putPacked(pack(direction.code(), identity, protocol, port, shape), entry);
    }

    private Builder putPacked(long packed, PolicyEntry entry) {
      table.put(packed, entry);
      int identity = (int) (packed >>> 32);
      boolean own = Identity.aggregate(identity, localClusterId) != identity;
      int[] shapes = own ? ownShapes : aggregateShapes;
      shapes[directionOf(packed)] |= 1 << shapeOf(packed);
      return this;
    }

    /** Removes the entry of this very key, if there is one. */
    public Builder remove(PolicyKey key) {
      table.remove(pack(key));
      return this;
    }

    /** Everything of this direction, from or to whomever: one key for each aggregate. */
    public Builder putAll(TrafficDirection direction, PolicyEntry entry) {
      put(PolicyKey.any(direction, ReservedIdentity.UNKNOWN.id()), entry);
      for (ReservedIdentity reserved : ReservedIdentity.values()) {
        if (reserved.isAggregate()) {
          put(PolicyKey.any(direction, reserved.id()), entry);
        }
      }
      return this;
    }

    /** The state. The builder must not be used after. */
    public PolicyMapState build() {
      return new PolicyMapState(this);
    }
  }

  /**
   * The entry that decides a packet, or null where none does, which is a denial. Allocates nothing;
   * safe for any number of threads.
   *
   * @param direction seen from the subject
   * @param identity the peer's number
   * @param protocol the IP protocol's number, 1 to 255
   * @param port the destination port, or the ICMP type; 0 to 65535
   */
  public @Nullable PolicyEntry lookup(
      TrafficDirection direction, int identity, int protocol, int port) {
    int slot = decider(direction.code(), identity, protocol, port);
    return slot < 0 ? null : table.entry(slot);
  }

  /** The slot of the entry that decides, or -1. */
  private int decider(int direction, int identity, int protocol, int port) {
    int own = find(ownShapes[direction], direction, identity, protocol, port);
    int aggregate = Identity.aggregate(identity, localClusterId);
    int common = find(aggregateShapes[direction], direction, aggregate, protocol, port);
    if (own < 0 || common < 0) {
      return own < 0 ? common : own;
    }
    return stronger(own, common);
  }

  /**
   * How closely the entry that decides a packet names it; the parameters are those of {@link
   * #lookup}. A rule for everybody stands under each aggregate, so an entry under one alone names
   * its peers.
   *
   * @param cookie the rule that decided; {@code NONE} where by now another one would
   */
  public PolicyMatch match(
      TrafficDirection direction, int identity, int protocol, int port, int cookie) {
    int slot = decider(direction.code(), identity, protocol, port);
    PolicyEntry entry = slot < 0 ? null : table.entry(slot);
    if (entry == null || entry.cookie() != cookie) {
      return PolicyMatch.NONE;
    }
    long key = table.key(slot);
    return PolicyMatch.of(!isForAll(key, cookie), shapeOf(key));
  }

  private boolean isForAll(long key, int cookie) {
    for (ReservedIdentity each : ReservedIdentity.values()) {
      if (each == ReservedIdentity.UNKNOWN || each.isAggregate()) {
        int slot = table.find((key & KEY_WITHOUT_IDENTITY) | ((long) each.id() << 32));
        PolicyEntry entry = slot < 0 ? null : table.entry(slot);
        if (entry == null || entry.cookie() != cookie) {
          return false;
        }
      }
    }
    int identity = (int) (key >>> 32);
    return Identity.aggregate(identity, localClusterId) == identity;
  }

  /** Where no entry matches there is nothing to return but the denial. */
  public Verdict verdict(TrafficDirection direction, int identity, int protocol, int port) {
    PolicyEntry entry = lookup(direction, identity, protocol, port);
    return entry == null ? Verdict.DENIED : entry.verdict();
  }

  private int stronger(int own, int common) {
    PolicyEntry a = table.entry(own);
    PolicyEntry b = table.entry(common);
    if (a == null || b == null) {
      return a == null ? common : own;
    }
    int order = Integer.compareUnsigned(a.precedence(), b.precedence());
    if (order != 0) {
      return order > 0 ? own : common;
    }
    if (a.isDeny() != b.isDeny()) {
      return a.isDeny() ? own : common;
    }
    return shapeOf(table.key(common)) > shapeOf(table.key(own)) ? common : own;
  }

  /** The slot of the longest match, or -1. */
  private int find(int shapes, int direction, int identity, int protocol, int port) {
    int left = shapes;
    while (left != 0) {
      int shape = 31 - Integer.numberOfLeadingZeros(left);
      left ^= 1 << shape;
      int slot = table.find(cut(direction, identity, protocol, port, shape));
      if (slot >= 0) {
        return slot;
      }
    }
    return -1;
  }

  private static long cut(int direction, int identity, int protocol, int port, int shape) {
    return switch (shape) {
      case 0 -> pack(direction, identity, 0, 0, 0);
      case 1 -> pack(direction, identity, protocol, 0, 1);
      default -> pack(direction, identity, protocol, port & (-1 << (MAX_SHAPE - shape)), shape);
    };
  }

  private static long pack(PolicyKey key) {
    return pack(key.direction().code(), key.identity(), key.protocol(), key.port(), key.shape());
  }

  private static long pack(int direction, int identity, int protocol, int port, int shape) {
    return ((long) identity << 32)
        | ((long) protocol << 24)
        | ((long) port << 8)
        | ((long) direction << 7)
        | OCCUPIED
        | shape;
  }

  private static int shapeOf(long packed) {
    return (int) packed & 31;
  }

  private static int directionOf(long packed) {
    return (int) (packed >>> 7) & 1;
  }

  private static PolicyKey unpack(long packed) {
    int shape = shapeOf(packed);
    return new PolicyKey(
        TrafficDirection.ofCode(directionOf(packed)),
        (int) (packed >>> 32),
        (int) (packed >>> 24) & 0xff,
        (int) (packed >>> 8) & 0xffff,
        Math.max(0, shape - 1));
  }

  /** A builder that begins with this state's entries; what it does not change is shared. */
  public Builder toBuilder() {
    return new Builder(this);
  }

  /** The entry of this very key. */
  public Optional<PolicyEntry> get(PolicyKey key) {
    int slot = table.find(pack(key));
    return slot < 0 ? Optional.empty() : Optional.ofNullable(table.entry(slot));
  }

  /** Calls {@code action} for each entry, in no order. */
  public void forEach(BiConsumer<? super PolicyKey, ? super PolicyEntry> action) {
    for (int slot = 0; slot < table.slots(); slot++) {
      PolicyEntry entry = table.entry(slot);
      if (entry != null) {
        action.accept(unpack(table.key(slot)), entry);
      }
    }
  }

  /** The content as a new map. */
  public Map<PolicyKey, PolicyEntry> toMap() {
    Map<PolicyKey, PolicyEntry> content = HashMap.newHashMap(size());
    forEach(content::put);
    return content;
  }

  /** How many entries it holds. */
  public int size() {
    return table.size();
  }

  /** The id of the cluster in whose view identities are aggregated. */
  public int localClusterId() {
    return localClusterId;
  }

  /**
   * The shapes in use by keys of identities that are no aggregate: bit n for shape n. A shape of
   * which the last key was removed may still be told; to ask for it finds nothing.
   */
  public int ownShapes(TrafficDirection direction) {
    return ownShapes[direction.code()];
  }

  /** As {@link #ownShapes}, of the keys of aggregates. */
  public int aggregateShapes(TrafficDirection direction) {
    return aggregateShapes[direction.code()];
  }

  @Override
  public boolean equals(Object other) {
    return other == this
        || (other instanceof PolicyMapState that
            && localClusterId == that.localClusterId
            && size() == that.size()
            && toMap().equals(that.toMap()));
  }

  @Override
  public int hashCode() {
    return toMap().hashCode();
  }

  @Override
  public String toString() {
    return "PolicyMapState[entries="
        + size()
        + ", ownShapes="
        + Arrays.toString(ownShapes)
        + ", aggregateShapes="
        + Arrays.toString(aggregateShapes)
        + "]";
  }
}
