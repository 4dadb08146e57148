// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.IpFamily;
import io.cilium4j.demo.Script.Outcome;
import io.cilium4j.demo.Script.Pair;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;

/** Lets every pod try to reach every other, over both families, all at the same time. */
final class Attempts {
  private static final int OK = 200;

  private Attempts() {}

  /** Tries these pairs; gives the attempts in their order, IPv4 before IPv6. */
  static List<Attempt> tryAll(Function<Role, Pod> pods, List<Pair> pairs) {
    // Each attempt waits in a thread of its own, so that dropped ones take no longer than one.
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<CompletableFuture<Attempt>> running = new ArrayList<>();
      for (Pair pair : pairs) {
        for (IpFamily family : IpFamily.values()) {
          running.add(
              CompletableFuture.supplyAsync(
                  () -> attempt(pods.apply(pair.from()), pods.apply(pair.to()), family), threads));
        }
      }
      return running.stream().map(CompletableFuture::join).toList();
    }
  }

  private static Attempt attempt(Pod from, Pod to, IpFamily family) {
    PodClient.Result result = PodClient.get(from.netns(), to.address(family), Script.PORT);
    Optional<Outcome> observed = Optional.empty();
    String trouble = "";
    switch (result) {
      case PodClient.Result.Answered answer -> {
        if (answer.status() == OK && answer.body().equals(to.role().podName())) {
          observed = Optional.of(Outcome.ALLOWED);
        } else {
          trouble = "answered " + answer.status() + " by \"" + answer.body() + "\"";
        }
      }
      case PodClient.Result.Silence() -> observed = Optional.of(Outcome.DROPPED);
      case PodClient.Result.Failed(String reason) -> trouble = reason;
    }
    return new Attempt(
        new Pair(from.role(), to.role()),
        family,
        from.address(family),
        to.address(family),
        observed,
        trouble);
  }
}
