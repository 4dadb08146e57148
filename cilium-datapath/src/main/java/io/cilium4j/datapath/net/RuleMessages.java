// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Codec of routing rules: {@code fib_rule_hdr} (family, destination length, source length, type of
 * service, table, two reserved, action, each u8, then flags u32) and the attributes of
 * linux/fib_rules.h.
 *
 * <p>A blackhole has no use for a table; ours carry a number of their owner's in its place, so that
 * each owner finds its own.
 */
final class RuleMessages {

  private static final int RTM_NEWRULE = 32;
  private static final int RTM_DELRULE = 33;
  private static final int RTM_GETRULE = 34;

  private static final int HEADER_BYTES = 12;
  private static final int SOURCE_LENGTH_OFFSET = 2;
  private static final int ACTION_OFFSET = 7;

  private static final int FRA_SRC = 2;
  private static final int FRA_IIFNAME = 3;
  private static final int FRA_PRIORITY = 6;
  private static final int FRA_TABLE = 15;

  /** {@code FR_ACT_TO_TBL}. */
  private static final int ACTION_TABLE = 1;

  private static final int ACTION_BLACKHOLE = 6;

  /** Right behind the rule of the node's own addresses, whose priority is 0. */
  private static final int PRIORITY = 1;

  private RuleMessages() {}

  static NetlinkRequest add(BlackholeRule rule, int owner) {
    int flags = NetlinkRequest.CREATE | NetlinkRequest.EXCLUSIVE;
    return body(new NetlinkRequest(RTM_NEWRULE, flags, "RTM_NEWRULE", "rule " + rule), rule, owner);
  }

  static NetlinkRequest add(LocalRule rule) {
    int flags = NetlinkRequest.CREATE | NetlinkRequest.EXCLUSIVE;
    return body(new NetlinkRequest(RTM_NEWRULE, flags, "RTM_NEWRULE", "rule " + rule), rule)
        .u32(FRA_PRIORITY, PRIORITY);
  }

  static NetlinkRequest delete(LocalRule rule) {
    return body(new NetlinkRequest(RTM_DELRULE, 0, "RTM_DELRULE", "rule " + rule), rule);
  }

  private static NetlinkRequest body(NetlinkRequest request, LocalRule rule) {
    header(request, rule.family(), 0, ACTION_TABLE);
    if (!rule.device().isEmpty()) {
      request.text(FRA_IIFNAME, rule.device());
    }
    return request.u32(FRA_TABLE, RouteMessages.TABLE_LOCAL);
  }

  static NetlinkRequest delete(BlackholeRule rule, int owner) {
    return body(new NetlinkRequest(RTM_DELRULE, 0, "RTM_DELRULE", "rule " + rule), rule, owner);
  }

  private static NetlinkRequest body(NetlinkRequest request, BlackholeRule rule, int owner) {
    IpPrefix from = rule.from();
    return header(request, from.family(), from.length(), ACTION_BLACKHOLE)
        .address(FRA_SRC, from.address())
        .text(FRA_IIFNAME, rule.device())
        .u32(FRA_PRIORITY, PRIORITY)
        .u32(FRA_TABLE, owner);
  }

  static NetlinkRequest list(IpFamily family) {
    return header(
        new NetlinkRequest(RTM_GETRULE, 0, "RTM_GETRULE", "all " + family + " rules"),
        family,
        0,
        0);
  }

  /** Reads an owner's rule; null for another one. */
  static @Nullable BlackholeRule decode(ByteBuffer payload, int owner) {
    int length = Byte.toUnsignedInt(payload.get(SOURCE_LENGTH_OFFSET));
    int action = Byte.toUnsignedInt(payload.get(ACTION_OFFSET));
    var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
    String device = attributes.text(FRA_IIFNAME);
    if (action != ACTION_BLACKHOLE || device.isEmpty() || attributes.u32(FRA_TABLE, 0) != owner) {
      return null;
    }
    return attributes
        .address(FRA_SRC)
        .map(source -> new BlackholeRule(device, new IpPrefix(source, length)))
        .orElse(null);
  }

  private static NetlinkRequest header(
      NetlinkRequest request, IpFamily family, int sourceLength, int action) {
    request.u8(RouteMessages.family(family)).u8(0).u8(sourceLength).u8(0);
    return request.u8(0).u8(0).u8(0).u8(action).u32(0);
  }
}
