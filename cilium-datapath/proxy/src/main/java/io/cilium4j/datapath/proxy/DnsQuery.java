// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.cilium4j.datapath.proxy.DnsMessages.FORMERR;
import static io.cilium4j.datapath.proxy.DnsMessages.IS_ANSWER;
import static io.cilium4j.datapath.proxy.DnsMessages.NOTIMP;
import static io.cilium4j.datapath.proxy.DnsMessages.OPCODE;
import static io.cilium4j.datapath.proxy.DnsReader.HEADER_BYTES;

import java.util.Arrays;

/**
 * A question to a DNS server: one name, one type, and nothing else but what belongs to the
 * transport (EDNS, RFC 6891; TSIG, RFC 8945). A server may read a second question, or names
 * elsewhere, which nobody decided; so there must be none.
 *
 * @param message as it came; nobody changes it
 * @param name the name as {@link DnsReader} has it
 * @param type the number of the record type that is asked for
 * @param questionEnd where the question ends in the message
 */
@SuppressWarnings("ArrayRecordComponent") // Compared by nobody.
record DnsQuery(byte[] message, String name, int type, int questionEnd) {

  /** Records behind the question: EDNS and a signature. */
  private static final int MAX_ADDITIONAL = 2;

  /** Reads one. */
  static DnsQuery read(byte[] message) throws DnsFormatException {
    if (message.length < HEADER_BYTES) {
      throw new DnsFormatException("no DNS message, or an answer", -1);
    }
    int flags = DnsReader.u16(message, 2);
    if ((flags & IS_ANSWER) != 0) {
      throw new DnsFormatException("no DNS message, or an answer", -1);
    }
    if ((flags & OPCODE) != 0) {
      throw new DnsFormatException("an operation that is not passed on", NOTIMP);
    }
    int additional = DnsReader.u16(message, 10);
    if (DnsReader.u16(message, 4) != 1
        || DnsReader.u16(message, 6) != 0
        || DnsReader.u16(message, 8) != 0
        || additional > MAX_ADDITIONAL) {
      throw notOne();
    }
    var reader = new DnsReader(message);
    String name = reader.name(false);
    int type = reader.u16();
    reader.skip(2);
    int end = reader.position();
    for (int i = 0; i < additional; i++) {
      reader.name(true);
      reader.skip(8);
      reader.skip(reader.u16());
    }
    if (!reader.isAtEnd()) {
      throw notOne();
    }
    return new DnsQuery(message, name, type, end);
  }

  private static DnsFormatException notOne() {
    return new DnsFormatException("not one question, or records that belong to none", FORMERR);
  }

  int id() {
    return DnsMessages.id(message);
  }

  /** Whether an answer repeats the question: the same name but for upper and lower case. */
  boolean isRepeatedIn(byte[] answer) {
    if (answer.length < questionEnd) {
      return false;
    }
    int nameEnd = questionEnd - 4;
    if (!Arrays.equals(answer, nameEnd, questionEnd, message, nameEnd, questionEnd)) {
      return false;
    }
    for (int i = HEADER_BYTES; i < nameEnd; i++) {
      if (lower(answer[i]) != lower(message[i])) {
        return false;
      }
    }
    return true;
  }

  /** The length of a label is below 64, so no length is taken for a letter. */
  private static int lower(byte c) {
    return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
  }

  /** What the proxy itself answers. */
  byte[] failure(int rcode) {
    return DnsMessages.failure(message, questionEnd, rcode);
  }
}
