// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.packets.SocketNode.Pod;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Services that cannot serve, where nobody is to be told of it. */
@KernelTest
class UnansweredServicesKernelIT {

  private static final int PORT = 80;

  /** How long it is waited for what must not come. */
  private static final int SHORT_MILLIS = 300;

  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(DatapathKind.class)
  void serviceWithoutBackends_whereNobodyIsTold_isNotAnswered(DatapathKind kind) throws Exception {
    try (var node = new SocketNode(kind, folder, NoBackendResponse.DROP)) {
      Pod client = node.pod(20);
      for (IpFamily family : IpFamily.values()) {
        IpAddress vip = IpAddress.parse(family == IpFamily.IPV4 ? "172.20.0.9" : "fd20::9");
        var key = new FrontendKey(vip, PORT, Protocol.TCP);
        node.apply(RowChanges.put(new FrontendRow(key, 7, List.of(), 0)));
        long before = node.drops(DropReason.NO_SERVICE);
        var to = new InetSocketAddress(vip.toInetAddress(), PORT);
        assertThrows(
            SocketTimeoutException.class,
            () ->
                client
                    .netns()
                    .call(() -> {
                      try (var socket = new Socket()) {
                        socket.connect(to, SHORT_MILLIS);
                      }
                      return true;
                    }));
        assertTrue(node.drops(DropReason.NO_SERVICE) > before);
      }
    }
  }
}
