// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.cilium4j.datapath.proxy.DnsTestMessages.address;
import static io.cilium4j.datapath.proxy.DnsTestMessages.answer;
import static io.cilium4j.datapath.proxy.DnsTestMessages.query;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.L7Rules;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.proxy.DnsAccess.Outcome;
import io.cilium4j.datapath.proxy.DnsLimits.Refusal;
import io.cilium4j.datapath.proxy.DnsLog.Failure;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The DNS proxy with a client and a server on this machine, without a datapath. */
class DnsProxyTest {

  private static final int ENDPOINT = 5;
  private static final int PEER = 300;
  private static final int WAIT_SECONDS = 10;

  /** How long it is waited for what must not come. */
  private static final int SHORT_MILLIS = 200;

  private static final DnsLimits LIMITS =
      new DnsLimits(Refusal.REFUSED, Duration.ofMinutes(1), Duration.ofMinutes(1), 100, 100);

  private static final RequestMatcher RULES =
      RequestMatcher.builder()
          .queries(
              new RuleOrigin(1, "rule", "egress[0]"),
              new L7Rules.Dns(List.of(new L7Rules.DnsRule("*.a.test", true))))
          .build();

  private final BlockingQueue<Learned> learned = new LinkedBlockingQueue<>();
  private final BlockingQueue<Failure> failures = new LinkedBlockingQueue<>();
  private final List<DnsAccess> asked = new CopyOnWriteArrayList<>();
  private final BlockingQueue<DnsAccess> answered = new LinkedBlockingQueue<>();
  private DatagramSocket client;
  private DatagramSocket server;
  private DnsProxy proxy;
  private DnsService service;

  private record Learned(String name, List<IpAddress> addresses, CompletableFuture<Boolean> done) {}

  @BeforeEach
  void open() throws IOException {
    client = new DatagramSocket(0, InetAddress.getLoopbackAddress());
    server = new DatagramSocket(0, InetAddress.getLoopbackAddress());
    server.setSoTimeout((int) TimeUnit.SECONDS.toMillis(WAIT_SECONDS));
    client.setSoTimeout((int) TimeUnit.SECONDS.toMillis(WAIT_SECONDS));
    start(LIMITS);
  }

  private void start(DnsLimits limits) {
    if (proxy != null) {
      proxy.close();
    }
    service =
        new DnsService(
            _ -> RULES,
            (endpoint, name, addresses, _) -> {
              assertEquals(ENDPOINT, endpoint);
              var done = new CompletableFuture<Boolean>();
              learned.add(new Learned(name, addresses, done));
              return done;
            },
            new DnsLog() {
              @Override
              public void asked(DnsAccess question) {
                asked.add(question);
              }

              @Override
              public void answered(DnsAccess answer) {
                answered.add(answer);
              }

              @Override
              public void failed(Failure failure) {
                failures.add(failure);
              }
            },
            limits);
    proxy =
        DnsProxy.start(
            ProxyNetwork.PLAIN,
            (from, to) ->
                Optional.of(
                    new ProxiedFlow(
                        from,
                        to,
                        PEER,
                        PEER,
                        List.of(new Check(ENDPOINT, TrafficDirection.EGRESS, PEER, 17, 53)))),
            service,
            1);
  }

  @AfterEach
  void close() {
    proxy.close();
    client.close();
    server.close();
  }

  private void ask(byte[] question) {
    proxy.accept(
        (InetSocketAddress) client.getLocalSocketAddress(),
        (InetSocketAddress) server.getLocalSocketAddress(),
        question);
  }

  private static DatagramPacket receive(DatagramSocket at) throws IOException {
    var packet = new DatagramPacket(new byte[1500], 1500);
    at.receive(packet);
    return packet;
  }

  private static byte[] bytes(DatagramPacket packet) {
    return Arrays.copyOf(packet.getData(), packet.getLength());
  }

  private static void send(DatagramSocket from, byte[] message, DatagramPacket to)
      throws IOException {
    from.send(new DatagramPacket(message, message.length, to.getSocketAddress()));
  }

  private int answeredRcode() throws IOException {
    return bytes(receive(client))[3] & 0xf;
  }

  private void assertSilent(DatagramSocket socket) throws IOException {
    socket.setSoTimeout(SHORT_MILLIS);
    assertThrows(SocketTimeoutException.class, () -> receive(socket));
    socket.setSoTimeout((int) TimeUnit.SECONDS.toMillis(WAIT_SECONDS));
  }

  private static <T> T next(BlockingQueue<T> from) throws InterruptedException {
    T next = from.poll(WAIT_SECONDS, TimeUnit.SECONDS);
    assertTrue(next != null, "nothing came");
    return next;
  }

  @Test
  void question_thatPasses_isAskedUnderAnotherIdAndItsAnswerIsHeldUntilItIsKnown()
      throws Exception {
    ask(query("www.a.test"));
    DatagramPacket question = receive(server);
    assertEquals("www.a.test.", DnsQuery.read(bytes(question)).name());
    send(server, answer(bytes(question), 0, address("www.a.test", 9, "192.0.2.1")), question);
    Learned told = next(learned);
    assertEquals("www.a.test.", told.name());
    assertEquals(List.of(IpAddress.parse("192.0.2.1")), told.addresses());
    assertSilent(client);
    told.done().complete(true);
    byte[] answer = bytes(receive(client));
    assertEquals(7, DnsMessages.id(answer));
    assertEquals(List.of(IpAddress.parse("192.0.2.1")), next(answered).answer().get().addresses());
    assertEquals(Outcome.FORWARDED, asked.getFirst().outcome());
    assertEquals(0, service.waiting());
  }

  @Test
  void answer_heldForTooLong_isGivenAndCounted() throws Exception {
    start(new DnsLimits(Refusal.REFUSED, Duration.ofMillis(50), Duration.ofMinutes(1), 9, 9));
    ask(query("www.a.test"));
    DatagramPacket question = receive(server);
    send(server, answer(bytes(question), 0, address("www.a.test", 9, "192.0.2.1")), question);
    assertEquals(0, answeredRcode());
    assertEquals(Failure.HELD_TOO_LONG, next(failures));
    next(learned).done().complete(true);
    assertSilent(client);
  }

  /** Nobody knows its address soon: it is given at once, as one that was held for too long. */
  @Test
  void answer_whoseAddressIsNotToBeKnown_isGivenAtOnceAndCounted() throws Exception {
    ask(query("www.a.test"));
    DatagramPacket question = receive(server);
    send(server, answer(bytes(question), 0, address("www.a.test", 9, "192.0.2.1")), question);
    next(learned).done().complete(false);
    assertEquals(0, answeredRcode());
    assertEquals(Failure.HELD_TOO_LONG, next(failures));
    assertSilent(client);
  }

  @Test
  void question_thatIsDenied_isRefusedAndReachesNoServer() throws Exception {
    ask(query("evil.test"));
    assertEquals(DnsMessages.REFUSED, answeredRcode());
    assertSilent(server);
    assertEquals(Outcome.DENIED, next(answered).outcome());
    start(new DnsLimits(Refusal.NAME_ERROR, Duration.ZERO, Duration.ofMinutes(1), 9, 9));
    ask(query("evil.test"));
    assertEquals(DnsMessages.NXDOMAIN, answeredRcode());
  }

  @Test
  void question_thatCannotBeRead_isAnsweredOnceAndReachesNoServer() throws Exception {
    byte[] two = query("www.a.test");
    two[5] = 2;
    ask(two);
    assertEquals(DnsMessages.FORMERR, answeredRcode());
    ask(new byte[3]);
    assertEquals(Failure.UNKNOWN, next(failures));
    ask(answer(query("www.a.test"), 0));
    assertEquals(Failure.UNKNOWN, next(failures));
    assertSilent(client);
    assertSilent(server);
  }

  @Test
  void answer_ofAnotherIdQuestionOrSender_isDroppedAndTheRightOneIsTaken() throws Exception {
    ask(query("www.a.test"));
    DatagramPacket question = receive(server);
    byte[] right = answer(bytes(question), 0, address("www.a.test", 9, "192.0.2.1"));
    byte[] evil = address("www.a.test", 9, "192.0.2.66");
    send(server, DnsMessages.withId(right, DnsMessages.id(right) ^ 1), question);
    assertEquals(Failure.UNEXPECTED, next(failures));
    byte[] other = query(DnsMessages.id(right), DnsTestMessages.name("ww2.a.test"), 1);
    send(server, answer(other, 0, evil), question);
    assertEquals(Failure.UNEXPECTED, next(failures));
    try (var elsewhere = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
      send(elsewhere, answer(bytes(question), 0, evil), question);
    }
    send(server, right, question);
    Learned told = next(learned);
    assertEquals(List.of(IpAddress.parse("192.0.2.1")), told.addresses());
    told.done().complete(true);
    receive(client);
    send(server, right, question);
    assertEquals(Failure.UNEXPECTED, next(failures), "an answer is taken once");
  }

  @Test
  void questions_ofOneClient_haveIdsThatDoNotFollowFromOneAnother() throws Exception {
    List<Integer> ids = new CopyOnWriteArrayList<>();
    for (int i = 0; i < 8; i++) {
      ask(query(1, DnsTestMessages.name("n" + i + ".a.test"), 1));
      ids.add(DnsMessages.id(bytes(receive(server))));
    }
    assertEquals(8, ids.stream().distinct().count());
    for (int i = 1; i < ids.size(); i++) {
      assertNotEquals(ids.get(i - 1) + 1, ids.get(i));
    }
  }

  @Test
  void questions_moreThanMayWait_areDropped() throws Exception {
    start(new DnsLimits(Refusal.REFUSED, Duration.ZERO, Duration.ofMinutes(1), 2, 1));
    ask(query("www.a.test"));
    receive(server);
    ask(query("ww2.a.test"));
    assertEquals(Failure.TOO_MANY, next(failures));
    assertSilent(server);
  }

  @Test
  void server_thatIsNotThere_isToldAsAFailure() throws Exception {
    var address = (InetSocketAddress) server.getLocalSocketAddress();
    server.close();
    proxy.accept((InetSocketAddress) client.getLocalSocketAddress(), address, query("www.a.test"));
    assertEquals(DnsMessages.SERVFAIL, answeredRcode());
    assertEquals(0, service.waiting());
  }

  @Test
  void server_thatDoesNotAnswer_isGivenUp() throws Exception {
    start(new DnsLimits(Refusal.REFUSED, Duration.ZERO, Duration.ofMillis(1), 9, 9));
    ask(query("www.a.test"));
    receive(server);
    assertEquals(Failure.TIMEOUT, next(failures));
    assertEquals(0, service.waiting());
    assertFalse(asked.isEmpty());
  }
}
