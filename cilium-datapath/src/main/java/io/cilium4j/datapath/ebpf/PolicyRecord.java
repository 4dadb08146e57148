// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.Fields.BE16;
import static io.cilium4j.datapath.ebpf.Fields.U32;
import static io.cilium4j.datapath.ebpf.Fields.U8;
import static io.cilium4j.datapath.ebpf.Fields.offset;

import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyEntry.Auth;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * {@code struct policy_entry}: an entry of {@code cilium_policy}.
 *
 * @param verdict allow, deny or redirect; never audited
 * @param precedence as {@link PolicyEntry#precedence()}
 * @param proxyPort where a redirect goes, in host order; 0 where its listener is not there, see
 *     {@link ProxyListeners#portOf}
 * @param auth the authentication that the flow needs
 * @param cookie the rule that wrote the entry, in 24 bits; 0 for a synthesised one
 */
public record PolicyRecord(Verdict verdict, int precedence, int proxyPort, Auth auth, int cookie) {

  /** The look-up hands a cookie on in 24 bits. */
  static final int MAX_COOKIE = (1 << 24) - 1;

  /** An entry with its listener resolved. */
  static PolicyRecord of(PolicyEntry entry, ProxyListeners listeners) {
    if (entry.cookie() < 0 || entry.cookie() > MAX_COOKIE) {
      throw new IllegalArgumentException(
          "rule cookie " + entry.cookie() + ": wanted 0 to " + MAX_COOKIE);
    }
    return new PolicyRecord(
        entry.verdict(), entry.precedence(), listeners.portOf(entry), entry.auth(), entry.cookie());
  }

  public boolean isDeny() {
    return verdict == Verdict.DENIED;
  }

  static int code(Verdict verdict) {
    return switch (verdict) {
      case DENIED -> 0;
      case ALLOWED -> 1;
      case REDIRECTED -> 2;
      case AUDITED -> throw new IllegalArgumentException("no entry of a policy map is audited");
    };
  }

  /** The verdict of an entry or of an event; an entry's is never audited. */
  static Verdict verdict(int code) {
    return switch (code) {
      case 0 -> Verdict.DENIED;
      case 1 -> Verdict.ALLOWED;
      case 2 -> Verdict.REDIRECTED;
      case 3 -> Verdict.AUDITED;
      default -> throw new IllegalArgumentException("verdict code " + code + ": wanted 0 to 3");
    };
  }

  static final Codec<PolicyRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    U32.withName("precedence"),
                    U32.withName("cookie"),
                    BE16.withName("proxy_port"),
                    U8.withName("verdict"),
                    U8.withName("auth"))
                .withName("policy_entry");

        private static final long COOKIE = offset(LAYOUT, "cookie");
        private static final long PROXY_PORT = offset(LAYOUT, "proxy_port");
        private static final long VERDICT = offset(LAYOUT, "verdict");
        private static final long AUTH = offset(LAYOUT, "auth");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(PolicyRecord entry, MemorySegment to) {
          to.set(U32, 0, entry.precedence);
          to.set(U32, COOKIE, entry.cookie);
          to.set(BE16, PROXY_PORT, (short) entry.proxyPort);
          to.set(U8, VERDICT, (byte) code(entry.verdict));
          to.set(U8, AUTH, (byte) entry.auth.code());
        }

        @Override
        public PolicyRecord read(MemorySegment from) {
          int auth = Byte.toUnsignedInt(from.get(U8, AUTH));
          return new PolicyRecord(
              verdict(from.get(U8, VERDICT)),
              from.get(U32, 0),
              Short.toUnsignedInt(from.get(BE16, PROXY_PORT)),
              Arrays.stream(Auth.values())
                  .filter(known -> known.code() == auth)
                  .findFirst()
                  .orElseThrow(() -> new IllegalArgumentException("authentication code " + auth)),
              from.get(U32, COOKIE));
        }
      };
}
