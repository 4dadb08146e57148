// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;

/** Secrets that an agent might send are looked for in everything that comes out. */
class DebuginfoCommandTest extends CommandTest {
  private static final String CANARY = "c4n4ry";

  @Test
  void archive_ofAgentThatTellsSecrets_holdsNone() throws IOException {
    agent
        .on(
            "GET /debuginfo",
            200,
            """
            {"cilium-version": "1", "environment-variables": ["PATH=/bin", "ETCD_PASS=c4n4ry",
               "ANYTHING=c4n4ry"],
             "policy": {"policy": "[{\\"headers\\": [{\\"secret\\": {\\"name\\": \\"c4n4ry\\"}}]}]"},
             "subsystem": {"kvstore": "https://user:c4n4ry@etcd:2379 token=c4n4ry, fine",
               "wireguard-private-key": "c4n4ry"},
             "cilium-memory-map": "Authorization: Bearer c4n4ryc4n4ry",
             "encryption": {"wireguard": {"interfaces": [{"name": "wg0", "privateKey": ["c4n4ry"]}]}}}
            """)
        .on(
            "GET /config",
            200,
            """
            {"status": {"kvstoreConfiguration": {"options": {"etcd.password": "c4n4ry"}},
              "k8s-configuration": "-----BEGIN RSA PRIVATE KEY-----\\nc4n4ry\\n-----END RSA PRIVATE KEY-----",
              "daemonConfigurationMap": {"k8s-token": "eyJc4n4ryc4n4ry.c4n4ryc4n4ry.c4n4ry",
                "encryptKey": 3, "cluster-name": "kind"}}}
            """)
        .on("GET /ip", 500, "\"password: c4n4ry\"");
    assertEquals(0, run("debuginfo", "--output-directory", folder.toString()), err());
    String text = contentOf(Path.of(out().strip()));
    assertFalse(text.contains(CANARY), text);
    assertTrue(text.contains("PATH=/bin") && text.contains("kind") && text.contains("wg0"), text);
    assertTrue(text.contains("ETCD_PASS=[redacted]"), text);

    assertEquals(0, run("debuginfo"));
    assertFalse(out().contains(CANARY), out());
  }

  @Test
  void archive_isForItsOwnerAlone() throws IOException {
    assertEquals(0, run("debuginfo", "-f", "--output-directory", folder.toString()), err());
    Path archive = Path.of(out().strip());
    assertEquals(
        "[OWNER_READ, OWNER_WRITE]",
        Files.getPosixFilePermissions(archive).stream().sorted().toList().toString());
  }

  private static String contentOf(Path archive) throws IOException {
    var text = new StringBuilder();
    try (var zip = new ZipInputStream(Files.newInputStream(archive))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        text.append(entry.getName()).append('\n');
        text.append(new String(zip.readAllBytes(), StandardCharsets.UTF_8));
      }
    }
    return text.toString();
  }
}
