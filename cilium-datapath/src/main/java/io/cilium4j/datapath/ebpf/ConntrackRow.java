// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;

/**
 * A flow that the programs know.
 *
 * @param source the end that began it, or of ICMP asked
 * @param destination the other end
 * @param expires when it is forgotten, in seconds of 2^30 nanoseconds of the kernel's monotonic
 *     clock
 * @param flags what was seen of it
 */
public record ConntrackRow(
    int protocol, End source, End destination, int expires, Set<Flag> flags) {

  public ConntrackRow {
    flags = Collections.unmodifiableSet(flags);
  }

  /**
   * An end of a flow.
   *
   * @param port of ICMP the identifier at the source, the type at the destination
   * @param endpoint the endpoint there; 0 for none of this node
   * @param identity of what is there, when the verdict was reached
   */
  public record End(IpAddress address, int port, int endpoint, int identity) {}

  /** What was seen of a flow. */
  public enum Flag {
    /** The other end answered. */
    SEEN_REPLY,
    /** It was reset, or both ends are done. */
    CLOSING,
    /** It was allowed once and is no more: it is closed in both directions. */
    REVOKED,
    /** It began in the midst of a connection. */
    NO_SYN,
    /** It stands in the table for what goes beyond an endpoint's share. */
    OVERFLOW,
    /** It goes through the proxy. */
    PROXY,
    /** It is of a flow through a service, of which there is another entry. */
    NAT,
    /** State changed since its verdict: the next packet is decided anew. */
    STALE
  }

  static ConntrackRow of(ConntrackKey key, ConntrackRecord record, boolean stale) {
    End low = end(key.low(), key.lowPort(), record.low());
    End high = end(key.high(), key.highPort(), record.high());
    boolean fromHigh = record.has(ConntrackRecord.INITIATOR_HIGH);
    Set<Flag> flags = EnumSet.noneOf(Flag.class);
    add(flags, Flag.SEEN_REPLY, record.has(ConntrackRecord.REPLIED));
    add(flags, Flag.CLOSING, record.has(ConntrackRecord.CLOSING));
    add(flags, Flag.REVOKED, record.has(ConntrackRecord.REVOKED));
    add(flags, Flag.NO_SYN, record.has(ConntrackRecord.NO_SYN));
    add(flags, Flag.OVERFLOW, record.has(ConntrackRecord.OVERFLOW));
    add(flags, Flag.PROXY, record.has(ConntrackRecord.PROXY));
    add(flags, Flag.NAT, record.has(ConntrackRecord.NAT));
    add(flags, Flag.STALE, stale);
    return new ConntrackRow(
        key.protocol(), fromHigh ? high : low, fromHigh ? low : high, record.expires(), flags);
  }

  private static End end(IpAddress address, int port, ConntrackRecord.Side side) {
    return new End(address, port, side.endpoint(), side.identity());
  }

  private static void add(Set<Flag> flags, Flag flag, boolean isSet) {
    if (isSet) {
      flags.add(flag);
    }
  }
}
