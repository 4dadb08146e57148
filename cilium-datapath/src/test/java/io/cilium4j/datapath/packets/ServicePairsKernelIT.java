// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.packets.SocketNode.Pod;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A flow through a service has an entry for each of its two forms, and each keeps the other while
 * one side alone speaks.
 */
@KernelTest
@ParameterizedClass(name = "{0}")
@EnumSource(DatapathKind.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ServicePairsKernelIT {

  /** Less than any flow lives, and several of them more than one of UDP does. */
  private static final int SECONDS = 25;

  private static final int TIMES = 12;

  @TempDir static Path folder;

  @Parameter
  @SuppressWarnings("NullAway.Init") // JUnit fills it in before anything else.
  DatapathKind kind;

  @SuppressWarnings("NullAway.Init") // Made before each invocation of the class.
  private SocketNode node;

  @SuppressWarnings("NullAway.Init")
  private Pod client;

  @SuppressWarnings("NullAway.Init")
  private Pod server;

  @BeforeParameterizedClassInvocation
  void start() {
    node = new SocketNode(kind, folder);
    client = node.pod(20);
    server = node.pod(21);
  }

  @AfterParameterizedClassInvocation
  void stop() {
    node.close();
  }

  private ServiceTalk talk(IpFamily family) throws IOException {
    return new ServiceTalk(node, family, client, server);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void client_thatAloneSpeaks_keepsTheWayBack(IpFamily family) throws IOException {
    try (var talk = talk(family)) {
      for (int i = 0; i < TIMES; i++) {
        kind.age(kind.instance(), SECONDS);
        talk.ask();
      }
      talk.answer();
    }
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void server_thatAloneSpeaks_keepsTheClientsWay(IpFamily family) throws IOException {
    try (var talk = talk(family)) {
      for (int i = 0; i < TIMES; i++) {
        kind.age(kind.instance(), SECONDS);
        talk.answer();
      }
      talk.ask();
    }
  }
}
