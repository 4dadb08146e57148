// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher.Decision;
import io.cilium4j.datapath.proxy.AccessRecord.Header;
import io.cilium4j.datapath.proxy.AccessRecord.Outcome;
import io.cilium4j.datapath.proxy.AccessRecord.Protocol;
import java.util.List;

/** A request that was decided, on its way to its response. Recorded once. */
final class Exchange {
  private final Proxy proxy;
  private final ProxiedFlow flow;
  private final Asked asked;
  private final List<Decision> decisions;
  private final long decidedNanos = System.nanoTime();
  private boolean recorded;

  /** What is asked. */
  record Asked(Protocol protocol, String method, String path, String host, List<Header> headers) {}

  Exchange(Proxy proxy, ProxiedFlow flow, Asked asked, List<Decision> decisions) {
    this.proxy = proxy;
    this.flow = flow;
    this.asked = asked;
    this.decisions = decisions;
    if (!decisions.isEmpty() && passes()) {
      proxy.log().passed(recordOf(Outcome.FORWARDED, 0, 0));
    }
  }

  /** Whether every policy lets it through. */
  boolean passes() {
    return decisions.getLast().passes();
  }

  List<Decision> decisions() {
    return decisions;
  }

  /** The server answered, or the proxy could not make it. */
  void answered(Outcome outcome, int status) {
    record(outcome, status, outcome == Outcome.DENIED ? 0 : System.nanoTime() - decidedNanos);
  }

  private void record(Outcome outcome, int status, long latencyNanos) {
    if (!recorded) {
      recorded = true;
      proxy.log().record(recordOf(outcome, status, latencyNanos));
    }
  }

  private AccessRecord recordOf(Outcome outcome, int status, long latencyNanos) {
    return new AccessRecord(
        decidedNanos,
        flow,
        asked.protocol(),
        asked.method(),
        proxy.log().redaction().path(asked.path()),
        asked.host(),
        asked.headers(),
        outcome,
        decisions,
        status,
        latencyNanos);
  }

  /** A request that could not be read. */
  static void malformed(Proxy proxy, ProxiedFlow flow, Protocol protocol, int status) {
    var asked = new Asked(protocol, "", "", "", List.of());
    new Exchange(proxy, flow, asked, List.of()).record(Outcome.ERROR, status, 0);
  }
}
