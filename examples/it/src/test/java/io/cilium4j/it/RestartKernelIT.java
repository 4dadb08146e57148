// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpFamily;
import io.cilium4j.it.Traffic.EchoServer;
import java.net.Socket;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What becomes of pods while their agent is away. */
class RestartKernelIT {

  private static final int PORT = 8080;

  /** How often the agent is stopped and started under the stream. */
  private static final int RESTARTS = 3;

  /** In force before, during and after. */
  private static final String FROM_ALICE =
      """
      endpointSelector:
        matchLabels: {app: bob}
      ingress:
      - fromEndpoints:
        - matchLabels: {app: alice}
      """;

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void restart_whileATcpStreamRuns_losesNotOneByte(IpFamily family) throws Exception {
    try (var lab = new Lab("itre", "ebpf", 20)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("from-alice", FROM_ALICE);
      try (var _ = new EchoServer(lab.netns("bob"), PORT);
          Socket socket =
              lab.netns("alice")
                  .call(
                      () -> new Socket(bob.address(family).orElseThrow().toInetAddress(), PORT))) {
        var stream = new CountedStream(socket);
        stream.awaitProgress();
        for (int i = 0; i < RESTARTS; i++) {
          lab.agent().stop();
          stream.awaitProgress(); // Packets pass while no agent runs.
          lab.replaceAgent();
          lab.agent().start();
          stream.awaitProgress();
        }
        stream.end();
      }
    }
  }
}
