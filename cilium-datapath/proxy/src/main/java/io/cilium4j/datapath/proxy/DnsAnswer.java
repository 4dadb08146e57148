// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.cilium4j.datapath.proxy.DnsReader.HEADER_BYTES;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.proxy.DnsAccess.Answer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Reads what a server answered to a question. All its addresses count, whatever name stands before
 * them: many clients take them so, and would be denied what they were told. A server that lies
 * gains nothing by another name.
 */
final class DnsAnswer {

  /** Longest chain that is followed. Resolvers stop earlier. */
  private static final int MAX_CHAIN = 16;

  private static final int V4_BYTES = 4;
  private static final int V6_BYTES = 16;

  private DnsAnswer() {}

  private record AddressRecord(IpAddress address, int seconds) {}

  private record Alias(String target, int seconds) {}

  /**
   * Reads the answer to a question.
   *
   * @return empty if it is none to this question, or cannot be read
   */
  static Optional<Answer> read(byte[] message, DnsQuery query) {
    if (message.length < HEADER_BYTES) {
      return Optional.empty();
    }
    int flags = DnsReader.u16(message, 2);
    int rcode = flags & DnsMessages.RCODE;
    int questions = DnsReader.u16(message, 4);
    int records = DnsReader.u16(message, 6);
    if ((flags & DnsMessages.IS_ANSWER) == 0 || (flags & DnsMessages.OPCODE) != 0) {
      return Optional.empty();
    }
    if (questions == 0 && records == 0 && rcode != 0) {
      // A server that did not understand the question repeats none.
      return Optional.of(Answer.of(rcode));
    }
    if (questions != 1 || !query.isRepeatedIn(message)) {
      return Optional.empty();
    }
    try {
      return Optional.of(read(message, query, flags, records));
    } catch (DnsFormatException _) {
      return Optional.empty();
    }
  }

  private static Answer read(byte[] message, DnsQuery query, int flags, int count)
      throws DnsFormatException {
    var reader = new DnsReader(message);
    reader.skip(query.questionEnd() - HEADER_BYTES);
    var records = new Records(new ArrayList<>(), new HashMap<>(), new LinkedHashSet<>());
    try {
      for (int i = 0; i < count; i++) {
        records.take(reader);
      }
    } catch (DnsFormatException e) {
      // A server may cut off a message that is too long, if it says so (RFC 1035, section 4.1.1),
      // also inside a record. Clients ask again over TCP, or take what there is.
      if ((flags & DnsMessages.IS_TRUNCATED) == 0) {
        throw e;
      }
    }
    return records.answer(query.name(), flags & DnsMessages.RCODE);
  }

  /** What was read of an answer so far. */
  private record Records(
      List<AddressRecord> addresses, Map<String, Alias> aliases, Set<String> types) {

    /** Reads the next record. */
    void take(DnsReader reader) throws DnsFormatException {
      String owner = reader.name(true);
      int type = reader.u16();
      boolean counts = reader.u16() == DnsMessages.CLASS_IN;
      int seconds = reader.timeToLive();
      int length = reader.u16();
      int end = reader.position() + length;
      types.add(DnsMessages.typeName(type));
      if (counts && type == DnsMessages.CNAME) {
        aliases.putIfAbsent(owner, new Alias(reader.name(true), seconds));
      } else if ((counts && type == DnsMessages.A && length == V4_BYTES)
          || (counts && type == DnsMessages.AAAA && length == V6_BYTES)) {
        addresses.add(new AddressRecord(IpAddress.ofBytes(reader.bytes(length)), seconds));
      } else {
        reader.skip(length);
      }
      if (reader.position() != end) {
        throw new DnsFormatException("a record of another length than it says", -1);
      }
    }

    /** The answer for a name, which a chain of aliases may lead elsewhere. */
    Answer answer(String name, int rcode) {
      Set<String> seen = new HashSet<>(Set.of(name));
      List<String> cnames = new ArrayList<>();
      int shortest = Integer.MAX_VALUE;
      Alias next = aliases.get(name);
      while (next != null && cnames.size() < MAX_CHAIN && seen.add(next.target())) {
        shortest = Math.min(shortest, next.seconds());
        cnames.add(next.target());
        next = aliases.get(next.target());
      }
      Set<IpAddress> all = new LinkedHashSet<>();
      for (AddressRecord each : addresses) {
        all.add(each.address());
        shortest = Math.min(shortest, each.seconds());
      }
      return new Answer(
          rcode,
          List.copyOf(all),
          List.copyOf(cnames),
          List.copyOf(types),
          Duration.ofSeconds(shortest == Integer.MAX_VALUE ? 0 : shortest));
    }
  }
}
