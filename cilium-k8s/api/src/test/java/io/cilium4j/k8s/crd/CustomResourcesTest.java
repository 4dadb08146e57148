// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.crd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.documents.DocumentReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The committed definitions are those that the code makes. {@code -Dcrds.rewrite=true} writes them
 * anew: raise {@link CustomResources#VERSION} then.
 */
class CustomResourcesTest {
  private static final Path FOLDER = Path.of("src/main/resources/crds");

  private static final String HEAD =
      """
      # SPDX-License-Identifier: Apache-2.0
      # Made by CustomResources.java; see CustomResourcesTest.
      """;

  @Test
  void files_ofEachDefinition_areWhatTheCodeMakes() throws IOException {
    Map<String, Map<String, Object>> all = CustomResources.all();
    if (Boolean.getBoolean("crds.rewrite")) {
      Files.createDirectories(FOLDER);
      for (Map.Entry<String, Map<String, Object>> each : all.entrySet()) {
        Files.writeString(file(each.getKey()), HEAD + Yaml.write(each.getValue()));
      }
    }
    try (Stream<Path> files = Files.list(FOLDER)) {
      assertEquals(
          all.keySet().stream().map(CustomResourcesTest::file).sorted().toList(),
          files.sorted().toList());
    }
    for (Map.Entry<String, Map<String, Object>> each : all.entrySet()) {
      String text = Files.readString(file(each.getKey()));
      assertEquals(HEAD + Yaml.write(each.getValue()), text, each.getKey());
      assertEquals(List.of(each.getValue()), DocumentReader.read(text), each.getKey());
    }
  }

  private static Path file(String plural) {
    return FOLDER.resolve(plural + ".yaml");
  }

  @Test
  void compare_versions_areNumbers() {
    assertTrue(CustomResourceInstaller.compare("1.9.0", "1.10.0") < 0);
    assertTrue(CustomResourceInstaller.compare("1.34", "1.34.0") < 0);
    assertEquals(0, CustomResourceInstaller.compare("1.34.1", "1.34.1"));
    assertTrue(CustomResourceInstaller.compare("", CustomResources.VERSION) < 0);
    assertTrue(CustomResourceInstaller.compare("2", CustomResources.VERSION) > 0);
    assertTrue(CustomResourceInstaller.compare("none", "1") < 0);
  }
}
