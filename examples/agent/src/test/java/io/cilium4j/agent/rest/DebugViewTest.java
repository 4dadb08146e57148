// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.api.ApiJson;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class DebugViewTest {

  @Test
  void redacted_secretsWhereverTheyStand_areGone() {
    var tree =
        ApiJson.mapper()
            .readTree(
                """
                {"password": {"a": 1}, "name": "https://user:pw@host/", "enabled-token": true,
                 "policy": {"policy": "[{\\"headers\\": \\"Authorization: Bearer abcdefghijkl\\"}]"},
                 "list": ["eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2ln", 7]}
                """);
    assertEquals(
        "{\"password\":\"[redacted]\",\"name\":\"https://[redacted]@host/\",\"enabled-token\":true,"
            + "\"policy\":{\"policy\":\"[{\\\"headers\\\":\\\"Authorization: [redacted]\\\"}]\"},"
            + "\"list\":[\"[redacted]\",7]}",
        DebugView.redacted(tree, "").toString());
  }

  @Test
  void environment_ownSettings_areToldWithoutValuesButForPlainOnes() {
    assertEquals(
        List.of("CILIUM_ETCD_AUTH=[redacted]", "CILIUM_SOCK=/x.sock"),
        DebugView.environment(
            Map.of("CILIUM_SOCK", "/x.sock", "CILIUM_ETCD_AUTH", "pw", "HOME", "/root")));
  }
}
