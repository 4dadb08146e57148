// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.cilium4j.datapath.proxy.DnsReader.HEADER_BYTES;

import java.util.Arrays;
import java.util.Map;

/** The numbers of DNS (RFC 1035, RFC 6895), and the answers that the proxy itself gives. */
final class DnsMessages {
  static final int FORMERR = 1;
  static final int SERVFAIL = 2;
  static final int NXDOMAIN = 3;
  static final int NOTIMP = 4;
  static final int REFUSED = 5;

  /** Of the header's second word. */
  static final int IS_ANSWER = 0x8000;

  static final int OPCODE = 0x7800;
  static final int IS_TRUNCATED = 0x0200;
  static final int RCODE = 0x000f;

  private static final int RECURSION_DESIRED = 0x0100;
  private static final int RECURSION_AVAILABLE = 0x0080;

  static final int A = 1;
  static final int CNAME = 5;
  static final int AAAA = 28;
  static final int CLASS_IN = 1;

  private static final Map<Integer, String> TYPES =
      Map.ofEntries(
          Map.entry(A, "A"),
          Map.entry(2, "NS"),
          Map.entry(CNAME, "CNAME"),
          Map.entry(6, "SOA"),
          Map.entry(12, "PTR"),
          Map.entry(15, "MX"),
          Map.entry(16, "TXT"),
          Map.entry(AAAA, "AAAA"),
          Map.entry(33, "SRV"),
          Map.entry(35, "NAPTR"),
          Map.entry(39, "DNAME"),
          Map.entry(41, "OPT"),
          Map.entry(43, "DS"),
          Map.entry(46, "RRSIG"),
          Map.entry(48, "DNSKEY"),
          Map.entry(52, "TLSA"),
          Map.entry(64, "SVCB"),
          Map.entry(65, "HTTPS"),
          Map.entry(255, "ANY"),
          Map.entry(257, "CAA"));

  private DnsMessages() {}

  /** A type as people write it; {@code TYPE123} for one that has no name here (RFC 3597). */
  static String typeName(int type) {
    String name = TYPES.get(type);
    return name == null ? "TYPE" + type : name;
  }

  static int id(byte[] message) {
    return DnsReader.u16(message, 0);
  }

  /** The message with another id. */
  static byte[] withId(byte[] message, int id) {
    byte[] other = message.clone();
    other[0] = (byte) (id >>> 8);
    other[1] = (byte) id;
    return other;
  }

  /**
   * An answer without records.
   *
   * @param asked the question's whole message, at least a header
   * @param questionEnd where its one question ends; the header's length where it cannot be read, of
   *     which nothing is repeated then
   */
  static byte[] failure(byte[] asked, int questionEnd, int rcode) {
    byte[] answer = Arrays.copyOf(asked, questionEnd);
    int flags =
        IS_ANSWER
            | (DnsReader.u16(asked, 2) & (OPCODE | RECURSION_DESIRED))
            | RECURSION_AVAILABLE
            | rcode;
    answer[2] = (byte) (flags >>> 8);
    answer[3] = (byte) flags;
    Arrays.fill(answer, 4, HEADER_BYTES, (byte) 0);
    answer[5] = (byte) (questionEnd > HEADER_BYTES ? 1 : 0);
    return answer;
  }
}
