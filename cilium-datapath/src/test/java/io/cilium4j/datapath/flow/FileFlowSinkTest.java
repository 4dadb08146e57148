// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.conformance.FlowSinkConformance;
import io.cilium4j.core.spi.FlowSinkProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileFlowSinkTest extends FlowSinkConformance {
  @TempDir private Path folder;

  private Path file() {
    return folder.resolve("flows");
  }

  @Override
  protected FlowSinkProvider provider() {
    return new FileFlowSinkProvider();
  }

  @Override
  protected Map<String, String> options() {
    return Map.of("path", file().toString());
  }

  @Override
  protected List<String> written() throws IOException {
    return Files.readAllLines(file());
  }

  @Test
  void open_fileThatCannotBeMade_isRefused() {
    for (Map<String, String> options :
        List.<Map<String, String>>of(
            Map.of(), Map.of("path", folder.resolve("no/such/folder").toString()))) {
      assertThrows(IllegalArgumentException.class, () -> provider().open(options).close());
    }
  }
}
