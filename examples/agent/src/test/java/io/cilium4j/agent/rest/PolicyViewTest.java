// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiResponse;
import io.cilium4j.api.model.Endpoint;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Enforcement as the API shows it, and as {@code cilium endpoint list} shows it by that. */
class PolicyViewTest {

  @TempDir Path temp;
  private RestBench bench;

  @BeforeEach
  void start() throws Exception {
    bench = new RestBench(temp);
  }

  @AfterEach
  void stop() {
    bench.close();
  }

  /** Here {@code none} would say that everything passes, which nobody knows. */
  @Test
  void endpoint_inputsAreNotRead_enforcementIsNotKnown() throws Exception {
    Endpoint made =
        bench.call("PUT", "/endpoint/cilium-local:0", bench.wanted("web", 101)).as(Endpoint.class);
    String path = "/endpoint/" + made.id();
    assertTrue(shown(path).contains("\"policy-enabled\":\"none\""), "no rule selects it");
    bench.agent.stop();
    for (String file : new String[] {"manifests.json", "policies.json"}) {
      Files.writeString(temp.resolve("state").resolve(file), "damaged");
    }
    Files.writeString(temp.resolve("manifests/broken.yaml"), "kind: [unclosed");
    bench.agent.start();
    assertFalse(shown(path).contains("policy-enabled"), shown(path));
    assertTrue(shown(path).contains("\"realized\""), "clients want one");
  }

  private String shown(String path) {
    ApiResponse answer = bench.get(path);
    assertEquals(200, answer.status());
    return String.valueOf(answer.text()).replaceAll("\\s", "");
  }
}
