// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunAgentTest {
  @Test
  void main_inUserSpace_appliesThePolicyAndLeavesNothing(@TempDir Path folder) throws Exception {
    Path state = folder.resolve("state");

    RunAgent.main(new String[] {state.toString(), "memory"});

    assertFalse(Files.exists(state));
  }
}
