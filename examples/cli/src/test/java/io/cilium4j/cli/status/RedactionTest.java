// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class RedactionTest {
  @Test
  void text_withoutSecrets_staysAsItIs() {
    for (String text :
        List.of(
            "k8s:app=web",
            "10.0.0.1:80",
            "https://example.com/a@b",
            "no secret here",
            "token ring")) {
      assertEquals(text, Redaction.text(text));
    }
  }
}
