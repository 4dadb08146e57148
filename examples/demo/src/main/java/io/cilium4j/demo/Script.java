// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import static io.cilium4j.demo.Role.CURL;
import static io.cilium4j.demo.Role.DEATHSTAR;
import static io.cilium4j.demo.Role.HTTPBIN;
import static io.cilium4j.demo.Role.TIEFIGHTER;
import static io.cilium4j.demo.Role.XWING;
import static io.cilium4j.demo.Script.Outcome.ALLOWED;
import static io.cilium4j.demo.Script.Outcome.DROPPED;

import java.util.List;

/**
 * The policy, and what must come of it. The table is written out by hand: were it computed by the
 * engine, the demo would compare the engine with itself.
 */
final class Script {

  /** The port on which every pod serves HTTP. */
  static final int PORT = 80;

  /** The file's name in the folder of manifests. */
  static final String POLICY_FILE = "rule1.yaml";

  /** Only the empire's ships may land on the deathstar. */
  static final String POLICY =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata:
        name: rule1
        namespace: default
      spec:
        description: Only the empire's ships may land on the deathstar
        endpointSelector:
          matchLabels:
            org: empire
            class: deathstar
        ingress:
        - fromEndpoints:
          - matchLabels:
              org: empire
          toPorts:
          - ports:
            - port: "80"
              protocol: TCP
      """;

  /** The same, and of them only those that ask to land. */
  static final String REQUEST_POLICY =
      POLICY.replace(
              "Only the empire's ships may land on the deathstar",
              "Only the empire's ships may ask to land on the deathstar, and nothing else")
          + """
                rules:
                  http:
                  - method: POST
                    path: /v1/request-landing
          """;

  /** What an attempt shows whose packets are dropped. */
  static final String NO_ANSWER = "dropped";

  /**
   * A request to the deathstar, and what must come of it once the policy asks about requests.
   *
   * @param expected the answer's status, or {@link #NO_ANSWER}
   */
  record RequestLine(Role from, String method, String path, String expected) {
    @Override
    public String toString() {
      return from.podName() + " " + method + " " + path;
    }
  }

  /** Who asks the deathstar for what, and what the field's own demonstration shows of it. */
  static final List<RequestLine> REQUESTS =
      List.of(
          new RequestLine(TIEFIGHTER, "POST", "/v1/request-landing", "200"),
          new RequestLine(TIEFIGHTER, "PUT", "/v1/exhaust-port", "403"),
          new RequestLine(XWING, "POST", "/v1/request-landing", NO_ANSWER));

  /** What becomes of an attempt to connect. */
  enum Outcome {
    ALLOWED,
    DROPPED;

    @Override
    public String toString() {
      return this == ALLOWED ? "allowed" : "dropped";
    }
  }

  /** One pod tries to reach another. */
  record Pair(Role from, Role to) {
    @Override
    public String toString() {
      return from.podName() + " -> " + to.podName();
    }
  }

  /** A pair and what must become of it once rule1 is in force. */
  record Line(Pair pair, Outcome expected) {}

  /** Every ordered pair. */
  static final List<Line> EXPECTED =
      List.of(
          line(TIEFIGHTER, DEATHSTAR, ALLOWED),
          line(XWING, DEATHSTAR, DROPPED),
          line(CURL, DEATHSTAR, DROPPED),
          line(HTTPBIN, DEATHSTAR, DROPPED),
          line(DEATHSTAR, TIEFIGHTER, ALLOWED),
          line(XWING, TIEFIGHTER, ALLOWED),
          line(CURL, TIEFIGHTER, ALLOWED),
          line(HTTPBIN, TIEFIGHTER, ALLOWED),
          line(TIEFIGHTER, XWING, ALLOWED),
          line(DEATHSTAR, XWING, ALLOWED),
          line(CURL, XWING, ALLOWED),
          line(HTTPBIN, XWING, ALLOWED),
          line(TIEFIGHTER, CURL, ALLOWED),
          line(XWING, CURL, ALLOWED),
          line(DEATHSTAR, CURL, ALLOWED),
          line(HTTPBIN, CURL, ALLOWED),
          line(TIEFIGHTER, HTTPBIN, ALLOWED),
          line(XWING, HTTPBIN, ALLOWED),
          line(DEATHSTAR, HTTPBIN, ALLOWED),
          line(CURL, HTTPBIN, ALLOWED));

  private Script() {}

  private static Line line(Role from, Role to, Outcome expected) {
    return new Line(new Pair(from, to), expected);
  }
}
