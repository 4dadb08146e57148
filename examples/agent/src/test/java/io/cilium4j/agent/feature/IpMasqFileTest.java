// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpPrefix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IpMasqFileTest {

  @TempDir private Path folder;

  private static List<IpPrefix> prefixes(String... texts) {
    return Stream.of(texts).map(IpPrefix::parse).toList();
  }

  @Test
  void parse_nothing_excludesPrivateReservedAndLinkLocal() {
    assertEquals(
        prefixes(
            "10.0.0.0/8",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "fe80::/10"),
        IpMasqFile.parse(""));
  }

  @Test
  void parse_yamlOrJson_isTheSame() {
    List<IpPrefix> wanted = prefixes("10.0.0.0/8", "fd00::/8", "fe80::/10");
    assertEquals(
        wanted,
        IpMasqFile.parse(
            "nonMasqueradeCIDRs:\n- 10.1.2.3/8\n- fd00::/8\nmasqLinkLocal: true\nresyncInterval: 60s\n"));
    assertEquals(
        wanted,
        IpMasqFile.parse(
            "{\"nonMasqueradeCIDRs\": [\"10.0.0.0/8\", \"fd00::/8\"], \"masqLinkLocal\": true}"));
  }

  @Test
  void parse_noCidrs_excludesLinkLocalAlone() {
    assertEquals(prefixes("169.254.0.0/16", "fe80::/10"), IpMasqFile.parse("masqLinkLocal: false"));
    assertEquals(List.of(), IpMasqFile.parse("masqLinkLocal: true\nmasqLinkLocalIPv6: true\n"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nonMasqueradeCIDRs: 10.0.0.0/8",
        "nonMasqueradeCIDRs: [10.0.0.0]",
        "nonMasqueradeCIDRs: [10.0.0.0/33]",
        "nonMasqueradeCIDRs: [[]]",
        "masqLinkLocal: yes please",
        "masqLinkLocalIPv6: 1",
        "- 10.0.0.0/8",
        "a: 1\n---\nb: 1",
        "{",
        "text"
      })
  void parse_anythingElse_isRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> IpMasqFile.parse(text));
  }

  /** As the kubelet does: the link to the folder of all files is replaced. */
  @Test
  void look_linkOfAConfigMapSwapped_seesIt() throws IOException {
    for (String version : List.of("1", "2")) {
      Path data = Files.createDirectory(folder.resolve(".." + version));
      Files.writeString(data.resolve("config"), "nonMasqueradeCIDRs: [10." + version + ".0.0/16]");
    }
    Files.createSymbolicLink(folder.resolve("..data"), Path.of("..1"));
    Path file = Files.createSymbolicLink(folder.resolve("config"), Path.of("..data/config"));
    var exclusions = new IpMasqFile(file);
    assertTrue(exclusions.look());
    assertFalse(exclusions.look());
    Files.createSymbolicLink(folder.resolve("..tmp"), Path.of("..2"));
    Files.move(
        folder.resolve("..tmp"), folder.resolve("..data"), StandardCopyOption.REPLACE_EXISTING);
    assertTrue(exclusions.look());
    assertEquals(prefixes("10.2.0.0/16", "169.254.0.0/16", "fe80::/10"), exclusions.excluded());
  }

  @Test
  void look_unreadable_keepsWhatAnEarlierRunExcludedAndSaysWhy() throws IOException {
    Path file = folder.resolve("config");
    Files.createDirectory(file);
    var exclusions = new IpMasqFile(file);
    exclusions.takeOver(prefixes("192.0.2.0/24"));
    assertFalse(exclusions.look());
    assertEquals(prefixes("192.0.2.0/24"), exclusions.excluded());
    assertTrue(exclusions.problems().toString().startsWith("{ip-masq-agent=" + file + ": "));
    Files.delete(file);
    assertTrue(exclusions.look());
    assertEquals(Map.of(), exclusions.problems());
    assertEquals(IpMasqFile.parse(""), exclusions.excluded());
  }
}
