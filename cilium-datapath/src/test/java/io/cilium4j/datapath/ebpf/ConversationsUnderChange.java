// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.PacketsUnderChange.TCP;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.UDP;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.ebpf.RandomState.Way;
import io.cilium4j.datapath.memory.Frames;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.IntSupplier;
import java.util.stream.LongStream;

/**
 * Conversations of which either side may speak next, by TCP and UDP, while states change under
 * them; most often it is the server. Each verdict is held against the states that may have been in
 * force, and against what became of the conversation before: one that was cut stays cut for both
 * sides until its client begins anew.
 */
final class ConversationsUnderChange {

  /** Who sends a frame. */
  enum Speaker {
    A,
    B,
    NODE
  }

  /** A datapath. */
  interface Road {
    /** Whether a frame passes, wherever it goes. */
    boolean passes(Speaker from, byte[] frame);
  }

  /** The states by version, and the versions between which the present one is. */
  record Versions(List<RandomState> states, IntSupplier done, IntSupplier begun) {

    private boolean all(int oldest, int newest, Conversation talk, boolean allow) {
      for (int version = oldest; version <= newest; version++) {
        if (states.get(version).allows(talk.way, talk.v4, talk.protocol, talk.port) != allow) {
          return false;
        }
      }
      return true;
    }
  }

  private enum Life {
    UNKNOWN,
    ALIVE,
    CUT
  }

  private static final class Conversation {
    final Way way;
    final boolean v4;
    final int protocol;
    final int port;
    final byte[] first;
    final byte[] next;
    final byte[] reply;
    Life life = Life.UNKNOWN;

    /** The oldest version that may have been in force at its last packet. */
    int lastSeen;

    Conversation(Way way, boolean v4, int protocol, int port, int number, Addresses addresses) {
      this.way = way;
      this.v4 = v4;
      this.protocol = protocol;
      this.port = port;
      IpAddress client = addresses.of(client(), v4);
      IpAddress server = addresses.of(server(), v4);
      int from = 2000 + number;
      Frames there = Frames.between(client, server);
      Frames back = Frames.between(server, client);
      boolean tcp = protocol == TCP;
      first = Frames.bytes(tcp ? there.tcp(from, port, Frames.SYN) : there.udp(from, port));
      next = Frames.bytes(tcp ? there.tcp(from, port, Frames.ACK) : there.udp(from, port));
      reply = Frames.bytes(tcp ? back.tcp(port, from, Frames.ACK) : back.udp(port, from));
    }

    Speaker client() {
      return way == Way.REMOTE_TO_POD ? Speaker.NODE : Speaker.A;
    }

    Speaker server() {
      return way == Way.POD_TO_REMOTE ? Speaker.NODE : Speaker.B;
    }

    @Override
    public String toString() {
      return "%s, IPv%d, protocol %d, port %d".formatted(way, v4 ? 4 : 6, protocol, port);
    }
  }

  /** The addresses of speakers. */
  interface Addresses {
    IpAddress of(Speaker speaker, boolean v4);
  }

  private final Road road;
  private final Versions versions;
  private final List<Conversation> conversations = new ArrayList<>();
  private final Random random;

  private long packets;
  private long repliesThatHadToPass;
  private long repliesThatHadToDrop;
  private long repliesOfTheCut;
  private long begunAnew;

  ConversationsUnderChange(Road road, Versions versions, Addresses addresses, long seed) {
    this.road = road;
    this.versions = versions;
    this.random = new Random(seed);
    for (Way way : Way.values()) {
      for (boolean v4 : List.of(true, false)) {
        for (int protocol : List.of(UDP, TCP)) {
          for (int port : List.of(80, 81, 9)) {
            conversations.add(
                new Conversation(way, v4, protocol, port, conversations.size(), addresses));
          }
        }
      }
    }
  }

  /** Lets somebody speak; what is wrong with what became of it. */
  Optional<String> step() {
    Conversation talk = conversations.get((int) (packets++ % conversations.size()));
    boolean begins =
        switch (talk.life) {
          case UNKNOWN -> true;
          case CUT -> random.nextInt(3) == 0;
          case ALIVE -> false;
        };
    if (begins) {
      return begin(talk);
    }
    boolean isReply = random.nextInt(4) > 0;
    if (!isReply && talk.protocol == UDP) {
      return begin(talk);
    }
    return goOn(talk, isReply);
  }

  /** Fails where too little was held against the versions to say something. */
  void assertCovered() {
    String told =
        "%d packets, of the server's %d had to pass, %d had to drop, %d after a cut; %d begun anew"
            .formatted(
                packets, repliesThatHadToPass, repliesThatHadToDrop, repliesOfTheCut, begunAnew);
    System.out.println("conversations: " + told);
    assertTrue(
        LongStream.of(repliesThatHadToPass, repliesThatHadToDrop, repliesOfTheCut, begunAnew)
            .allMatch(count -> count > 100),
        told);
  }

  /** A packet that a policy may always let begin a conversation. */
  private Optional<String> begin(Conversation talk) {
    int oldest = versions.done.getAsInt();
    boolean passed = road.passes(talk.client(), talk.first);
    int newest = versions.begun.getAsInt();
    boolean wasCut = talk.life == Life.CUT;
    Optional<String> wrong =
        judge(talk, "the client's first packet", passed, oldest, oldest, newest);
    if (passed) {
      begunAnew += wasCut ? 1 : 0;
      talk.life = Life.ALIVE;
    } else if (talk.life != Life.UNKNOWN) {
      talk.life = Life.CUT;
    }
    talk.lastSeen = oldest;
    return wrong;
  }

  /** A packet that only a known conversation lets pass. */
  private Optional<String> goOn(Conversation talk, boolean isReply) {
    String what = isReply ? "the server's packet" : "the client's packet";
    int oldest = versions.done.getAsInt();
    boolean passed =
        isReply ? road.passes(talk.server(), talk.reply) : road.passes(talk.client(), talk.next);
    int newest = versions.begun.getAsInt();
    if (talk.life == Life.CUT) {
      repliesOfTheCut += isReply ? 1 : 0;
      return passed
          ? Optional.of(talk + ": " + what + " passed though the conversation was cut")
          : Optional.empty();
    }
    if (isReply) {
      repliesThatHadToPass += versions.all(talk.lastSeen, newest, talk, true) ? 1 : 0;
      repliesThatHadToDrop += versions.all(oldest, newest, talk, false) ? 1 : 0;
    }
    Optional<String> wrong = judge(talk, what, passed, talk.lastSeen, oldest, newest);
    talk.life = passed ? Life.ALIVE : Life.CUT;
    talk.lastSeen = oldest;
    return wrong;
  }

  /**
   * What passes must be allowed by a version that may be in force; what is dropped must be denied
   * by one since the last packet.
   */
  private Optional<String> judge(
      Conversation talk, String what, boolean passed, int since, int oldest, int newest) {
    if (passed && versions.all(oldest, newest, talk, false)) {
      return Optional.of(
          "%s: versions %d to %d all deny, and %s passed".formatted(talk, oldest, newest, what));
    }
    if (!passed && versions.all(since, newest, talk, true)) {
      return Optional.of(
          "%s: versions %d to %d all allow, and %s was dropped"
              .formatted(talk, since, newest, what));
    }
    return Optional.empty();
  }
}
