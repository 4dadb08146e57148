// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.cilium4j.datapath.proxy.DnsTestMessages.address;
import static io.cilium4j.datapath.proxy.DnsTestMessages.answer;
import static io.cilium4j.datapath.proxy.DnsTestMessages.cname;
import static io.cilium4j.datapath.proxy.DnsTestMessages.name;
import static io.cilium4j.datapath.proxy.DnsTestMessages.query;
import static io.cilium4j.datapath.proxy.DnsTestMessages.record;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DnsPattern;
import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.proxy.DnsAccess.Answer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is read of messages, whoever wrote them. */
class DnsMessagesTest {

  private static DnsQuery read(String name) throws DnsFormatException {
    return DnsQuery.read(query(name));
  }

  private static int rcodeOf(byte[] message) {
    return assertThrows(DnsFormatException.class, () -> DnsQuery.read(message)).rcode();
  }

  @Test
  void query_ofMixedCase_isReadInLowerCaseWithItsClosingDot() throws Exception {
    DnsQuery query = read("wWw.Example.COM");
    assertEquals("www.example.com.", query.name());
    assertEquals(DnsMessages.A, query.type());
    assertEquals(".", read("").name());
  }

  /** The label "a.b" is not the two labels "a" and "b", and no pattern takes it for them. */
  @Test
  void query_withADotInsideOfALabel_isNotTheNameThatItLooksLike() throws Exception {
    var wire = new ByteArrayOutputStream();
    DnsTestMessages.label(wire, "www.example".getBytes(StandardCharsets.US_ASCII));
    DnsTestMessages.label(wire, "com".getBytes(StandardCharsets.US_ASCII));
    wire.write(0);
    String name = DnsQuery.read(query(1, wire.toByteArray(), DnsMessages.A)).name();
    assertEquals("www\\046example.com.", name);
    for (DnsPattern pattern :
        List.of(
            DnsPattern.ofName("www.example.com"),
            DnsPattern.ofPattern("*.com"),
            DnsPattern.ofPattern("**.com"),
            DnsPattern.ofPattern("*"))) {
      assertTrue(!pattern.matches(name), pattern::toString);
    }
  }

  @Test
  void query_withBytesThatAreNoText_isEscaped() throws Exception {
    var wire = new ByteArrayOutputStream();
    DnsTestMessages.label(wire, new byte[] {0, (byte) 0xff, '\\', 'A'});
    wire.write(0);
    assertEquals("\\000\\255\\092a.", DnsQuery.read(query(1, wire.toByteArray(), 1)).name());
  }

  @Test
  void query_withEdns_isReadAndItsRecordsAreCounted() throws Exception {
    byte[] opt = record(new byte[] {0}, 41, 0, new byte[] {0, 10, 0, 0});
    byte[] plain = query("a.test");
    byte[] all = Arrays.copyOf(plain, plain.length + opt.length);
    System.arraycopy(opt, 0, all, plain.length, opt.length);
    all[11] = 1;
    assertEquals("a.test.", DnsQuery.read(all).name());
    all[11] = 0;
    assertEquals(DnsMessages.FORMERR, rcodeOf(all), "bytes that belong to nothing");
    assertEquals(DnsMessages.FORMERR, rcodeOf(Arrays.copyOf(withCount(all, 1), all.length - 1)));
  }

  private static byte[] withCount(byte[] message, int additional) {
    byte[] other = message.clone();
    other[11] = (byte) additional;
    return other;
  }

  @Test
  void query_thatIsNotOneQuestion_isRefused() {
    byte[] two = query("a.test");
    two[5] = 2;
    byte[] none = query("a.test");
    none[5] = 0;
    byte[] answers = query("a.test");
    answers[7] = 1;
    byte[] update = query("a.test");
    update[2] = 0x28;
    byte[] isAnswer = query("a.test");
    isAnswer[2] |= (byte) 0x80;
    byte[] pointer = query(1, new byte[] {(byte) 0xc0, 12}, 1);
    assertEquals(DnsMessages.FORMERR, rcodeOf(two));
    assertEquals(DnsMessages.FORMERR, rcodeOf(none));
    assertEquals(DnsMessages.FORMERR, rcodeOf(answers));
    assertEquals(DnsMessages.FORMERR, rcodeOf(pointer));
    assertEquals(DnsMessages.NOTIMP, rcodeOf(update));
    assertTrue(rcodeOf(isAnswer) < 0, "who answers answers is told to answer for ever");
    assertTrue(rcodeOf(new byte[11]) < 0);
  }

  @Test
  void name_longerThanMayBe_isRefused() {
    String longest = ("a".repeat(63) + ".").repeat(3) + "a".repeat(61);
    assertEquals(DnsMessages.FORMERR, rcodeOf(query(longest.replaceAll("a$", "aa"))), "256 bytes");
    byte[] label = query("a.test");
    label[12] = 64;
    assertEquals(DnsMessages.FORMERR, rcodeOf(label));
  }

  @Test
  void answer_withAChainOfAliases_hasTheAddressesOfItsEnd() throws Exception {
    DnsQuery query = read("www.a.test");
    Answer answer =
        DnsAnswer.read(
                answer(
                    query.message(),
                    0,
                    address("end.a.test", 60, "192.0.2.1"),
                    cname("www.a.test", 30, "cdn.a.test"),
                    cname("cdn.a.test", 300, "End.A.test"),
                    address("end.a.test", 60, "2001:db8::1")),
                query)
            .orElseThrow();
    assertEquals(
        List.of(IpAddress.parse("192.0.2.1"), IpAddress.parse("2001:db8::1")), answer.addresses());
    assertEquals(List.of("cdn.a.test.", "end.a.test."), answer.cnames());
    assertEquals(Duration.ofSeconds(30), answer.timeToLive());
    assertEquals(List.of("A", "CNAME", "AAAA"), answer.types());
  }

  /** Some servers leave the alias out that leads to the name; clients take the address. */
  @Test
  void answer_withAddressesOfAnotherName_hasThemToo() throws Exception {
    DnsQuery query = read("www.a.test");
    byte[] end = address("end.a.test", 5, "192.0.2.1");
    byte[] own = address("www.a.test", 60, "192.0.2.2");
    for (byte[][] records : new byte[][][] {{end, own}, {own, end}}) {
      Answer answer = DnsAnswer.read(answer(query.message(), 0, records), query).orElseThrow();
      assertEquals(
          Set.of(IpAddress.parse("192.0.2.1"), IpAddress.parse("192.0.2.2")),
          Set.copyOf(answer.addresses()));
      assertEquals(List.of(), answer.cnames());
      assertEquals(Duration.ofSeconds(5), answer.timeToLive());
    }
  }

  /** As RFC 1035 lets a server do it: clients ask again over TCP, if they hear of it. */
  @Test
  void answer_cutOffAnywhereBehindTheQuestion_isReadAsFarAsItGoesIfItSaysSo() throws Exception {
    DnsQuery query = read("www.a.test");
    byte[] first = address("www.a.test", 60, "192.0.2.1");
    byte[] whole = answer(query.message(), 0, first, address("www.a.test", 60, "2001:db8::1"));
    for (int length = query.questionEnd(); length < whole.length; length++) {
      byte[] part = Arrays.copyOf(whole, length);
      assertEquals(Optional.empty(), DnsAnswer.read(part, query), length + " bytes");
      part[2] |= (byte) (DnsMessages.IS_TRUNCATED >>> 8);
      boolean hasFirst = length >= query.questionEnd() + first.length;
      assertEquals(
          hasFirst ? List.of(IpAddress.parse("192.0.2.1")) : List.of(),
          DnsAnswer.read(part, query).orElseThrow().addresses(),
          length + " bytes");
    }
  }

  @Test
  void answer_withALoopOfAliases_ends() throws Exception {
    DnsQuery query = read("a.test");
    Answer answer =
        DnsAnswer.read(
                answer(
                    query.message(), 0, cname("a.test", 1, "b.test"), cname("b.test", 1, "a.test")),
                query)
            .orElseThrow();
    assertEquals(List.of(), answer.addresses());
  }

  @Test
  void answer_toAnotherQuestion_isNone() throws Exception {
    DnsQuery query = read("a.test");
    byte[] right = answer(query.message(), 0, address("a.test", 1, "192.0.2.1"));
    assertTrue(DnsAnswer.read(right, query).isPresent());
    assertEquals(Optional.empty(), DnsAnswer.read(answer(query("b.test"), 0), query));
    assertEquals(
        Optional.empty(),
        DnsAnswer.read(answer(query(7, name("a.test"), DnsMessages.AAAA), 0), query));
    assertEquals(Optional.empty(), DnsAnswer.read(query.message(), query), "no answer at all");
    byte[] otherCase = answer(query("A.tesT"), 0);
    assertTrue(DnsAnswer.read(otherCase, query).isPresent());
  }

  @Test
  void answer_withRecordsThatLie_isNone() throws Exception {
    DnsQuery query = read("a.test");
    byte[] loop = record(new byte[] {(byte) 0xc0, 24}, 1, 1, new byte[4]);
    byte[] good = answer(query.message(), 0, loop);
    int at = query.questionEnd();
    for (int target : new int[] {at, at + 1, 0, 0x3fff}) {
      byte[] bad = good.clone();
      bad[at] = (byte) (0xc0 | target >>> 8);
      bad[at + 1] = (byte) target;
      assertEquals(Optional.empty(), DnsAnswer.read(bad, query), "a pointer to " + target);
    }
    byte[] length = answer(query.message(), 0, address("a.test", 1, "192.0.2.1"));
    length[length.length - 5] = 5;
    assertEquals(Optional.empty(), DnsAnswer.read(length, query));
    byte[] count = answer(query.message(), 0, address("a.test", 1, "192.0.2.1"));
    count[7] = 2;
    assertEquals(Optional.empty(), DnsAnswer.read(count, query));
    byte[] alias = record(name("a.test"), DnsMessages.CNAME, 1, new byte[] {1, 'b', 0, 0});
    assertEquals(Optional.empty(), DnsAnswer.read(answer(query.message(), 0, alias), query));
  }

  /** Whatever a server sends: it is read or not, in a time that does not grow. */
  @Test
  void answer_ofAnyBytes_neverThrows() throws Exception {
    var random = new Random(4711);
    DnsQuery query = read("www.example.test");
    byte[] seed =
        answer(
            query.message(),
            0,
            cname("www.example.test", 30, "cdn.example.test"),
            address("cdn.example.test", 60, "192.0.2.1"));
    int read = 0;
    for (int i = 0; i < 100_000; i++) {
      byte[] message = Arrays.copyOf(seed, seed.length - random.nextInt(8));
      for (int changes = random.nextInt(6); changes > 0; changes--) {
        message[random.nextInt(message.length)] = (byte) random.nextInt();
      }
      read += DnsAnswer.read(message, query).isPresent() ? 1 : 0;
      try {
        DnsQuery.read(message);
      } catch (DnsFormatException e) {
        // As it must be.
      }
    }
    assertTrue(read > 0 && read < 100_000, "read " + read);
  }

  /**
   * Pointers to pointers cost a message's author a few bytes each, and the reader must not more.
   */
  @Test
  void name_ofAChainOfPointers_isRefusedSoon() throws Exception {
    DnsQuery query = read("a.test");
    var records = new byte[60][];
    int at = query.questionEnd();
    for (int i = 0; i < records.length; i++) {
      var data = new byte[400];
      for (int k = 0; k < data.length; k += 2) {
        int target = i == 0 && k == 0 ? 12 : at + 12 + k - 2;
        data[k] = (byte) (0xc0 | target >>> 8);
        data[k + 1] = (byte) target;
      }
      int last = at + 12 + data.length - 2;
      byte[] owner = {(byte) (0xc0 | last >>> 8), (byte) last};
      records[i] = record(i == 0 ? new byte[] {(byte) 0xc0, 12} : owner, 16, 1, data);
      at += records[i].length;
    }
    assertEquals(Optional.empty(), DnsAnswer.read(answer(query.message(), 0, records), query));
  }

  @Test
  void failure_repeatsTheQuestionAndNothingElse() throws Exception {
    DnsQuery query = read("a.test");
    byte[] refused = query.failure(DnsMessages.REFUSED);
    assertEquals(Answer.of(DnsMessages.REFUSED), DnsAnswer.read(refused, query).orElseThrow());
    assertEquals(query.id(), DnsMessages.id(refused));
    byte[] bad = DnsMessages.failure(query.message(), 12, DnsMessages.FORMERR);
    assertArrayEquals(new byte[] {0, 7, (byte) 0x81, (byte) 0x81}, Arrays.copyOf(bad, 4));
    assertEquals(12, bad.length);
  }
}
