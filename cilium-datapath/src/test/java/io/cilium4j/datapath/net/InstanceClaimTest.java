// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InstanceClaimTest {
  private static final String INSTANCE = "claimed";

  private static Config config(String folder) {
    return Config.builder(INSTANCE, Path.of(folder))
        .nodeAddresses(IpAddress.parse("10.1.0.1"))
        .build();
  }

  @Test
  void take_takenFromAnotherFolder_isRefusedAndSaysByWhom() {
    try (var _ = InstanceClaim.take(config("/state/one"))) {
      var e = assertThrows(DatapathException.class, () -> InstanceClaim.take(config("/state/two")));
      assertEquals(
          "instance claimed is running already, process "
              + ProcessHandle.current().pid()
              + ", state /state/one; give this agent another instance name",
          e.getMessage());
    }
    InstanceClaim.take(config("/state/two")).close(); // Free again.
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 300})
  void take_folderTooLongForAName_isRefusedAllTheSame(int chars) {
    try (var _ = InstanceClaim.take(config("/" + "x".repeat(chars)))) {
      var e = assertThrows(DatapathException.class, () -> InstanceClaim.take(config("/state/two")));
      assertTrue(
          String.valueOf(e.getMessage()).contains("process " + ProcessHandle.current().pid()));
    }
  }
}
