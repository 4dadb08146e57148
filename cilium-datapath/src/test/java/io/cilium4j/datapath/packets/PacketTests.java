// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.datapath.bpf.KernelTest;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Real packets on a node with each datapath in turn. All tests of a class share the node: each
 * begins with {@link NodeState#OPEN} and takes ports that no other has.
 */
@KernelTest
@ParameterizedClass(name = "{0}")
@EnumSource(DatapathKind.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class PacketTests {

  @TempDir static Path folder;

  @Parameter
  @SuppressWarnings("NullAway.Init") // JUnit fills it in before anything else.
  DatapathKind kind;

  @SuppressWarnings("NullAway.Init") // Made before each invocation of the class.
  PacketNode node;

  private int lastPort = 32_768;

  /** What the node's datapath may hold. */
  Limits limits() {
    return Limits.DEFAULT;
  }

  /** Which packets that pass its datapath reports. */
  Tracing tracing() {
    return Tracing.CHANGES;
  }

  @BeforeParameterizedClassInvocation
  void start() {
    node = new PacketNode(kind, folder, limits(), tracing());
  }

  @BeforeEach
  void open() {
    node.apply(NodeState.OPEN);
    node.events.clear();
  }

  @AfterParameterizedClassInvocation
  void stop() {
    node.close();
  }

  /** A client's port, or an identifier, that was not used yet. */
  final int nextPort() {
    return ++lastPort;
  }
}
