// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.RequestMatcher.Decision;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A question to DNS, or its answer.
 *
 * @param timeNanos when it was decided, or answered, by {@link System#nanoTime}
 * @param flow whose it is
 * @param name the name that is asked for, in lower case and with the closing dot; empty for a
 *     question that cannot be read
 * @param type the record type that is asked for, as people write it; empty likewise
 * @param outcome what became of it
 * @param decision what the policy says; empty for a question that cannot be read
 * @param answer what the client is told; empty of a question
 * @param latencyNanos from the question to the server's answer; 0 where no server was asked
 */
public record DnsAccess(
    long timeNanos,
    ProxiedFlow flow,
    String name,
    String type,
    Outcome outcome,
    Optional<Decision> decision,
    Optional<Answer> answer,
    long latencyNanos) {

  public DnsAccess {
    Objects.requireNonNull(flow, "flow");
    Objects.requireNonNull(outcome, "outcome");
  }

  /** What became of a question. */
  public enum Outcome {
    /** The server is asked. */
    FORWARDED,
    /** The policy denies the name. */
    DENIED,
    /** It cannot be read. */
    ERROR
  }

  /**
   * What a client is told.
   *
   * @param rcode 0 for no error
   * @param addresses of the name, or of what it is an alias of
   * @param cnames the names that it is an alias of, in the order of the chain
   * @param types the types of all records, as people write them
   * @param timeToLive the shortest of those records
   */
  public record Answer(
      int rcode,
      List<IpAddress> addresses,
      List<String> cnames,
      List<String> types,
      Duration timeToLive) {
    public Answer {
      addresses = List.copyOf(addresses);
      cnames = List.copyOf(cnames);
      types = List.copyOf(types);
    }

    /** Nothing but a code. */
    static Answer of(int rcode) {
      return new Answer(rcode, List.of(), List.of(), List.of(), Duration.ZERO);
    }
  }
}
