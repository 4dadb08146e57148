// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher.Decision;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What became of a request, or of a TLS connection.
 *
 * <p>It holds nothing that the log's {@link Redaction} hides: no user information of an address and
 * no credentials at least.
 *
 * @param timeNanos when the request was decided, by {@link System#nanoTime}
 * @param flow whose connection it is
 * @param protocol how it was asked
 * @param method the method; empty for TLS, and for a request that could not be read
 * @param path the path with its query, as received or as the redaction has it; empty likewise
 * @param host the authority; of TLS the server name that the client asks for
 * @param headers the headers, if the log wants them
 * @param outcome what became of it
 * @param decisions what the policies of {@link ProxiedFlow#checks} said, in their order up to the
 *     first that denies; empty for a request that could not be read
 * @param status the status that the client was sent; 0 for TLS
 * @param latencyNanos from the request's head to its response's head; 0 where no server was asked
 */
public record AccessRecord(
    long timeNanos,
    ProxiedFlow flow,
    Protocol protocol,
    String method,
    String path,
    String host,
    List<Header> headers,
    Outcome outcome,
    List<Decision> decisions,
    int status,
    long latencyNanos) {

  public AccessRecord {
    Objects.requireNonNull(flow, "flow");
    decisions = List.copyOf(decisions);
    headers = List.copyOf(headers);
  }

  /** A header: its name as {@code User-Agent}, and its value. */
  public record Header(String name, String value) {}

  /** How a request is asked. */
  public enum Protocol {
    HTTP_1_0("HTTP/1.0"),
    HTTP_1_1("HTTP/1.1"),
    HTTP_2("HTTP/2"),
    TLS("TLS");

    private final String text;

    Protocol(String text) {
      this.text = text;
    }

    /** As flows name it. */
    @Override
    public String toString() {
      return text;
    }
  }

  /** What became of a request. */
  public enum Outcome {
    /** The server was asked, and answered. */
    FORWARDED,
    /** A policy denies it. */
    DENIED,
    /** It could not be read, or the server did not answer. */
    ERROR
  }

  /** The policy that decided: the one that denies, or the last that let it through. */
  public Optional<Check> decider() {
    return decisions.isEmpty()
        ? Optional.empty()
        : Optional.of(flow.checks().get(decisions.size() - 1));
  }

  /** What that policy said. */
  public Optional<Decision> decision() {
    return decisions.isEmpty() ? Optional.empty() : Optional.of(decisions.getLast());
  }
}
