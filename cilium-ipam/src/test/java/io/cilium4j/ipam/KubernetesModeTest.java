// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.conformance.IpamModeConformance;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.IpamMode;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class KubernetesModeTest extends IpamModeConformance {
  private static final Node NODE =
      new Node(
          "node-1",
          List.of(),
          List.of(IpPrefix.parse("10.1.2.0/26"), IpPrefix.parse("fd00:1:2::/80")));

  @Override
  protected IpamAllocator open() {
    return new KubernetesMode().open(NODE, Map.of());
  }

  @Override
  protected IpamMode mode() {
    return new KubernetesMode();
  }

  @Override
  protected List<IpPrefix> prefixesAfter(Node changed) {
    return changed.podCidrs();
  }

  @Test
  void open_options_areRefused() {
    var e =
        assertThrows(
            IpamException.class, () -> new KubernetesMode().open(NODE, Map.of("cidrs", "x")));
    assertEquals("IPAM mode kubernetes: options [cidrs]: takes none", e.getMessage());
  }
}
