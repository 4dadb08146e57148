// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import java.util.HashMap;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The flows of one address family that were allowed, in two tables. Of the main one each owner may
 * have an eighth, and all together half of it beyond their shares; what goes beyond that stands in
 * a smaller one, so that a flood evicts floods and leaves the idle flows of others alone. No
 * verdict changes by an eviction: the next packet asks the policy again.
 *
 * <p>Not safe for use by several threads: {@link PacketDecider} holds its lock.
 */
final class Conntrack {

  /** An owner's share of the main table: this part of it. */
  private static final int SHARES = 8;

  /** All owners together may have this part of the main table beyond their shares. */
  private static final int SPARE_PART = 2;

  /** The other table has this part of the main one's size. */
  private static final int OVERFLOW_PART = 4;

  private static final long SECOND_NANOS = 1_000_000_000L;

  /** How long a connection that was closed stays while there is room: a forged reset ends none. */
  private static final long CLOSING_IDLE_NANOS = 600 * SECOND_NANOS;

  /** And where there is little. */
  private static final long CLOSING_IDLE_TIGHT_NANOS = 10 * SECOND_NANOS;

  /** Buckets that one step of a collection looks at: some tenths of a millisecond. */
  private static final int STEP_BUCKETS = 8192;

  private final FlowKey probe = new FlowKey();
  private final FlowTable main;
  private final FlowTable overflow;
  private final int share;
  private final int spare;
  private final Map<Integer, FlowOwner> owners = new HashMap<>();
  private boolean sourceIsA;

  /** Where the collection under way goes on. */
  private int nextBucket;

  /**
   * @param capacity how many flows the main table holds
   */
  Conntrack(int capacity) {
    this.main = new FlowTable(capacity);
    this.overflow = new FlowTable(Math.max(1, capacity / OVERFLOW_PART));
    this.share = capacity / SHARES;
    this.spare = capacity / SPARE_PART;
  }

  /**
   * The packet's flow, live, of whatever epoch; or null. {@link #sourceIsA} speaks of this packet
   * from now on. An answer whose request is not known is a message from now on.
   */
  @Nullable FlowEntry find(Packet packet, long nowNanos) {
    FlowEntry flow = findKey(packet, nowNanos);
    if (flow == null && packet.icmp == IcmpKind.ANSWER) {
      packet.becomeMessage();
      flow = findKey(packet, nowNanos);
    }
    return flow;
  }

  private @Nullable FlowEntry findKey(Packet packet, long nowNanos) {
    sourceIsA = probe.set(packet);
    FlowEntry flow = peek(probe);
    return flow == null || flow.isExpired(nowNanos) ? null : flow;
  }

  /** What a key has, whether it is over or not; or null. */
  @Nullable FlowEntry peek(FlowKey key) {
    FlowEntry flow = main.find(key);
    return flow == null && overflow.size() != 0 ? overflow.find(key) : flow;
  }

  /** Enters a flow in place of what its key had, into the table that it names. */
  void put(FlowEntry flow) {
    removePresent(flow);
    tableOf(flow).add(flow);
  }

  private void removePresent(FlowKey key) {
    FlowEntry present = peek(key);
    if (present != null) {
      tableOf(present).remove(present);
    }
  }

  /** Whether the packet of the last {@link #find} comes from end A. */
  boolean sourceIsA() {
    return sourceIsA;
  }

  /**
   * Enters the flow of the packet of the last {@link #find}, in place of what its key had.
   *
   * @param ownerIfindex the device of the pod that the flow is counted for
   */
  FlowEntry add(int ownerIfindex, FlowEntry.Beginning beginning) {
    FlowOwner owner = owners.computeIfAbsent(ownerIfindex, FlowOwner::new);
    removePresent(probe);
    boolean beyond = owner.main >= share && beyondShares() >= spare;
    FlowEntry flow = new FlowEntry(probe, owner, beyond, beginning);
    if (beyond) {
      owner.overflowed++;
    }
    tableOf(flow).add(flow);
    return flow;
  }

  /** The flows in the main table beyond their owners' shares. Few owners have that many flows. */
  private int beyondShares() {
    int flows = 0;
    for (FlowOwner owner : owners.values()) {
      flows += Math.max(0, owner.main - share);
    }
    return flows;
  }

  /** The flow was used just now. */
  void touch(FlowEntry flow) {
    tableOf(flow).touch(flow);
  }

  private FlowTable tableOf(FlowEntry flow) {
    return flow.inOverflow ? overflow : main;
  }

  int size() {
    return main.size() + overflow.size();
  }

  /** A walk over all flows. */
  FlowWalk walk() {
    return new FlowWalk(main, overflow);
  }

  /** Tells of each owner that has, or had lately, flows. */
  void forEachOwner(BiConsumer<Integer, FlowOwner> action) {
    owners.forEach(action);
  }

  /**
   * One step of a collection: a part of the tables is rid of the flows that are over.
   *
   * @return whether that was the last part
   */
  boolean collectSome(long nowNanos) {
    int end = nextBucket + STEP_BUCKETS;
    main.removeIf(nextBucket, end, flow -> isOver(flow, nowNanos));
    overflow.removeIf(nextBucket, end, flow -> isOver(flow, nowNanos));
    boolean done = end >= Math.max(main.buckets(), overflow.buckets());
    nextBucket = done ? 0 : end;
    return done;
  }

  private boolean isOver(FlowEntry flow, long nowNanos) {
    if (flow.isExpired(nowNanos)) {
      return true;
    }
    if (!flow.isClosing()) {
      return false;
    }
    boolean tight = tableOf(flow).isMoreThanHalfFull() || flow.owner.main > share / 2;
    return flow.idleNanos(nowNanos) >= (tight ? CLOSING_IDLE_TIGHT_NANOS : CLOSING_IDLE_NANOS);
  }

  /** Forgets the owners whose device no pod has any more, and that have no flow. */
  void retainOwners(State state) {
    owners
        .values()
        .removeIf(
            owner -> owner.main + owner.overflow == 0 && state.ofDevice(owner.ifindex) == null);
  }
}
