// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.ebpf.FlowAges;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The kernel evicts the entries of its tables one by one, and so one of a flow's two: what is left
 * puts it again, with its next packet that comes a second later or more.
 */
@KernelTest
class EvictedPairsKernelIT {

  private static final DatapathKind KIND = DatapathKind.EBPF;
  private static final int SECONDS = 2;

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void entry_thatWasEvicted_isPutByTheOther(IpFamily family, @TempDir Path folder)
      throws IOException {
    try (var node = new SocketNode(KIND, folder);
        var talk = new ServiceTalk(node, family, node.pod(20), node.pod(21))) {
      assertTrue(FlowAges.evict(KIND.instance(), true) > 0);
      KIND.age(KIND.instance(), SECONDS);
      talk.answer();
      talk.ask();
      assertTrue(FlowAges.evict(KIND.instance(), false) > 0);
      KIND.age(KIND.instance(), SECONDS);
      talk.ask();
      talk.answer();
    }
  }
}
