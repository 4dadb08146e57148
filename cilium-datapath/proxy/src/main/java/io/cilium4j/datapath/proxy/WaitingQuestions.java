// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.datapath.proxy.DnsAccess.Answer;
import io.cilium4j.datapath.proxy.DnsLog.Failure;
import io.cilium4j.datapath.proxy.DnsService.Asked;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * The questions that were sent by one socket and wait for their answers. Each has an id of its own,
 * which nobody can guess, and its answer must repeat the question: what does not is dropped, as it
 * may be forged. For one event loop.
 */
final class WaitingQuestions {

  /** Ids that may be in use at once, so that a free one is found soon. */
  private static final int MAX_WAITING = 16_384;

  private static final int IDS = 1 << 16;

  private static final SecureRandom RANDOM = new SecureRandom();

  private final DnsService service;

  /** By the id that the server sees. */
  private final Map<Integer, Asked> waiting = new HashMap<>();

  WaitingQuestions(DnsService service) {
    this.service = service;
  }

  boolean isFull() {
    return waiting.size() >= MAX_WAITING;
  }

  boolean isEmpty() {
    return waiting.isEmpty();
  }

  /** Notes a question; gives its message as the server is to see it. */
  byte[] add(Asked asked) {
    int id;
    do {
      id = RANDOM.nextInt(IDS);
    } while (waiting.containsKey(id));
    waiting.put(id, asked);
    return DnsMessages.withId(asked.query().message(), id);
  }

  /** Takes what came from the server. */
  void take(byte[] message) {
    Asked asked = message.length < 2 ? null : waiting.get(DnsMessages.id(message));
    Optional<Answer> answer =
        asked == null ? Optional.empty() : DnsAnswer.read(message, asked.query());
    if (answer.isEmpty()) {
      service.log().failed(Failure.UNEXPECTED);
      return;
    }
    waiting.remove(DnsMessages.id(message));
    service.answered(Objects.requireNonNull(asked), answer.get(), message);
  }

  /** Gives up what has waited too long. */
  void expire() {
    long since = System.nanoTime() - service.limits().serverTime().toNanos();
    List<Asked> late =
        waiting.values().stream().filter(each -> each.sinceNanos() - since < 0).toList();
    waiting.values().removeAll(late);
    late.forEach(service::timedOut);
  }

  /** Nothing more will come. */
  void fail() {
    List<Asked> all = new ArrayList<>(waiting.values());
    waiting.clear();
    all.forEach(service::unreachable);
  }
}
