// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CniInstallationTest {

  private static final String OTHERS =
      """
      {"cniVersion": "0.4.0", "name": "k8s-pod-network",
       "plugins": [{"type": "ptp", "mtu": 1400}, {"type": "portmap"}], "kept": true}
      """;

  @TempDir private Path folder;
  private Path bin;
  private Path net;
  private Path conflist;

  @BeforeEach
  void place() {
    bin = folder.resolve("bin");
    net = folder.resolve("net.d");
    conflist = net.resolve("05-cilium.conflist");
  }

  private CniFiles files(Optional<Path> template, Optional<String> target, boolean exclusive) {
    return new CniFiles(
        Optional.of(bin), Optional.of(conflist), template, target, false, exclusive);
  }

  private CniInstallation plain() {
    return new CniInstallation(files(Optional.empty(), Optional.empty(), false));
  }

  private List<String> names(Path of) throws IOException {
    try (Stream<Path> all = Files.list(of)) {
      return all.map(each -> each.getFileName().toString()).sorted().toList();
    }
  }

  private List<String> plugins() throws IOException {
    return Trees.items(DocumentReader.readJson(Files.readString(conflist)), "plugins").stream()
        .map(each -> Trees.text(each, "type"))
        .toList();
  }

  @Test
  void install_onAnEmptyNode_writesBothCompletely() throws Exception {
    assertTrue(plain().install());
    assertArrayEquals(CniShim.executable(), Files.readAllBytes(bin.resolve("cilium-cni")));
    assertEquals(
        "rwxr-xr-x",
        PosixFilePermissions.toString(Files.getPosixFilePermissions(bin.resolve("cilium-cni"))));
    assertEquals(List.of("cilium-cni", "loopback"), names(bin));
    assertEquals(List.of("05-cilium.conflist"), names(net));
    assertEquals(List.of("cilium-cni"), plugins());
    assertEquals(
        "1.0.0", Trees.text(DocumentReader.readJson(Files.readString(conflist)), "cniVersion"));
  }

  @Test
  void install_again_writesNothing() throws Exception {
    assertTrue(plain().install());
    var before = Files.readAttributes(conflist, java.nio.file.attribute.BasicFileAttributes.class);
    assertFalse(plain().install());
    var after = Files.readAttributes(conflist, java.nio.file.attribute.BasicFileAttributes.class);
    assertEquals(before.fileKey(), after.fileKey());
  }

  @Test
  void install_afterSomebodyChangedOrDeletedThem_writesThemAgain() throws Exception {
    assertTrue(plain().install());
    Files.writeString(conflist, "{}");
    Files.delete(bin.resolve("cilium-cni"));
    assertTrue(plain().install());
    assertEquals(List.of("cilium-cni"), plugins());
    assertTrue(Files.isExecutable(bin.resolve("cilium-cni")));
  }

  @Test
  void install_overAnInterruptedOne_isComplete() throws Exception {
    Files.createDirectories(bin);
    Files.createDirectories(net);
    Files.writeString(bin.resolve("cilium-cni.new"), "half");
    Files.writeString(net.resolve("05-cilium.conflist.new"), "{");
    assertTrue(plain().install());
    assertEquals(List.of("cilium-cni", "loopback"), names(bin));
    assertEquals(List.of("05-cilium.conflist"), names(net));
  }

  @Test
  void remove_ofWhatWasInstalled_leavesNothing() throws Exception {
    plain().install();
    assertEquals(
        List.of(conflist, bin.resolve("cilium-cni"), bin.resolve("loopback")), plain().installed());
    plain().remove();
    assertEquals(List.of(), names(bin));
    assertEquals(List.of(), names(net));
    assertEquals(List.of(), plain().installed());
    plain().remove();
  }

  @Test
  void remove_ofWhatIsSomebodyElses_leavesIt() throws Exception {
    Files.createDirectories(bin);
    Files.createDirectories(net);
    Files.writeString(bin.resolve("cilium-cni"), "another program");
    Files.writeString(conflist, OTHERS);
    plain().remove();
    assertEquals(List.of("cilium-cni"), names(bin));
    assertEquals(OTHERS, Files.readString(conflist));
  }

  @Test
  void executable_ofOthers_isSetAsideAndGivenBack() throws Exception {
    Files.createDirectories(bin);
    Files.writeString(bin.resolve("cilium-cni"), "another program");
    plain().install();
    assertEquals(List.of("cilium-cni", "cilium-cni.cilium_bak", "loopback"), names(bin));
    plain().remove();
    assertEquals("another program", Files.readString(bin.resolve("cilium-cni")));
    assertEquals(List.of("cilium-cni"), names(bin));
  }

  @Test
  void loopback_ofOthers_stays() throws Exception {
    Files.createDirectories(bin);
    Files.writeString(bin.resolve("loopback"), "another program");
    plain().install();
    assertEquals("another program", Files.readString(bin.resolve("loopback")));
    plain().remove();
    assertEquals(List.of("loopback"), names(bin));
  }

  @Test
  void configurations_ofOthers_stayUnlessItIsExclusive() throws Exception {
    Files.createDirectories(net);
    Files.writeString(net.resolve("10-other.conflist"), OTHERS);
    Files.writeString(net.resolve("notes.txt"), "");
    plain().install();
    assertEquals(List.of("05-cilium.conflist", "10-other.conflist", "notes.txt"), names(net));
    var exclusive = new CniInstallation(files(Optional.empty(), Optional.empty(), true));
    assertTrue(exclusive.install());
    assertEquals(
        List.of("05-cilium.conflist", "10-other.conflist.cilium_bak", "notes.txt"), names(net));
    // Somebody writes one later.
    Files.writeString(net.resolve("99-late.conf"), "{}");
    assertTrue(exclusive.install());
    assertFalse(exclusive.install());
    exclusive.remove();
    assertEquals(List.of("10-other.conflist", "99-late.conf", "notes.txt"), names(net));
  }

  @Test
  void configuration_behindAnotherNetwork_isItsListWithOurPluginLast() throws Exception {
    Files.createDirectories(net);
    Files.writeString(net.resolve("10-other.conflist"), OTHERS);
    for (boolean exclusive : new boolean[] {false, true, true}) {
      var chained =
          new CniInstallation(files(Optional.empty(), Optional.of("k8s-pod-network"), exclusive));
      chained.install();
      assertEquals(List.of("ptp", "portmap", "cilium-cni"), plugins());
      var tree = DocumentReader.readJson(Files.readString(conflist));
      assertEquals("k8s-pod-network", Trees.text(tree, "name"));
      assertEquals(true, Trees.at(tree, "kept"));
    }
  }

  @Test
  void configuration_behindASinglePlugin_isAList() throws Exception {
    Files.createDirectories(net);
    Files.writeString(
        net.resolve("10-other.conf"),
        "{\"cniVersion\": \"0.4.0\", \"name\": \"net\", \"type\": \"ptp\", \"mtu\": 1400}");
    new CniInstallation(files(Optional.empty(), Optional.of("net"), false)).install();
    assertEquals(List.of("ptp", "cilium-cni"), plugins());
  }

  @Test
  void configuration_behindANetworkThatIsMissing_isAnError() {
    var chained = new CniInstallation(files(Optional.empty(), Optional.of("gone"), false));
    var e = assertThrows(IOException.class, chained::install);
    assertTrue(String.valueOf(e.getMessage()).contains("gone"), e.getMessage());
    assertTrue(Files.notExists(conflist));
  }

  @Test
  void configuration_ofATemplate_isItsContent() throws Exception {
    Path template = folder.resolve("template");
    Files.writeString(template, OTHERS);
    var templated = new CniInstallation(files(Optional.of(template), Optional.empty(), false));
    assertThrows(IOException.class, templated::install);
    String text = OTHERS.replace("portmap", "cilium-cni");
    Files.writeString(template, text);
    templated.install();
    assertEquals(text, Files.readString(conflist));
  }
}
