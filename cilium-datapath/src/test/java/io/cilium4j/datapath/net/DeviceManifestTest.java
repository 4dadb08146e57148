// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.net.DeviceManifest.Device;
import io.cilium4j.datapath.net.DeviceManifest.Origin;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DeviceManifestTest {

  @TempDir private Path folder;

  @Test
  void add_thenReadByAnother_isThere() {
    var manifest = new DeviceManifest(folder.resolve("run"), "any");
    manifest.add("lxc5", 17);
    manifest.add("lxc6", 18);
    manifest.remove("lxc6", 99);
    manifest.remove("lxc5", 17);
    manifest.add("lxc5", 19);
    var later = new DeviceManifest(folder.resolve("run"), "any");
    assertEquals(Map.of("lxc5", made(19), "lxc6", made(18)), later.devices());
    assertTrue(later.holds("lxc5", 19));
    assertFalse(later.holds("lxc5", 17));
  }

  private static Device made(int ifindex) {
    return new Device(ifindex, Origin.MADE);
  }

  @Test
  void announce_thenReadByAnother_isWhateverHasTheName() {
    var manifest = new DeviceManifest(folder, "any");
    manifest.announce("lxc5");
    var later = new DeviceManifest(folder, "any");
    assertTrue(later.holds("lxc5", 17));
    later.add("lxc5", 18);
    assertFalse(later.holds("lxc5", 17));
  }

  @Test
  void leftBehind_ofAnEarlierProcess_isWhatThisOneHasNotConnected() {
    var manifest = new DeviceManifest(folder, "any");
    manifest.add("lxc5", 17);
    manifest.adopt("veth1", 18);
    manifest.adopt("veth2", 19);
    assertEquals(Map.of(), manifest.leftBehind(), "its own are in use");
    var later = new DeviceManifest(folder, "any");
    later.adopt("veth2", 19);
    assertEquals(
        Map.of("lxc5", made(17), "veth1", new Device(18, Origin.ADOPTED)), later.leftBehind());
    later.remove("lxc5", 17);
    later.remove("veth1", 18);
    assertEquals(Map.of(), later.leftBehind());
    assertEquals(Map.of("veth2", new Device(19, Origin.ADOPTED)), later.devices());
  }

  @Test
  void read_strayLines_arePassedOver() throws Exception {
    Files.writeString(
        folder.resolve("any-devices"),
        "lxc5 17\n\nlxc6\nlxc7 -1\nlxc8 99999999999\na-name-that-is-too-long 3\nlxc9 1 made\n");
    assertEquals(Map.of("lxc5", made(17)), new DeviceManifest(folder, "any").devices());
  }

  @Test
  void add_thatCannotBeWritten_isNotNoted() throws Exception {
    var manifest = new DeviceManifest(folder, "any");
    manifest.add("lxc5", 17);
    Files.createDirectory(folder.resolve("any-devices.new"));
    assertThrows(DatapathException.class, () -> manifest.add("lxc5", 18));
    assertThrows(DatapathException.class, () -> manifest.adopt("veth1", 19));
    assertEquals(Map.of("lxc5", made(17)), manifest.devices());
  }

  @Test
  void delete_always_leavesNoFile() throws Exception {
    var manifest = new DeviceManifest(folder, "any");
    manifest.add("lxc5", 17);
    manifest.delete();
    manifest.delete();
    try (var files = Files.list(folder)) {
      assertEquals(0, files.count());
    }
  }

  private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:17");

  private static Link link(MacAddress mac) {
    return new Link(17, "lxc5", "veth", mac, 1500, 0, 3, "");
  }

  @Test
  void holds_deviceWithAnotherEthernetAddress_isAStrangers() {
    var manifest = new DeviceManifest(folder, "any");
    manifest.add("lxc5", 17, MAC);
    var later = new DeviceManifest(folder, "any");
    assertTrue(later.holds(link(MAC)));
    assertFalse(later.holds(link(MacAddress.parse("02:00:00:00:00:18"))));
    later.changeMac("lxc5", MacAddress.parse("02:00:00:00:00:18"));
    assertFalse(new DeviceManifest(folder, "any").holds(link(MAC)));
    later.adopt("lxc5", 17);
    assertTrue(new DeviceManifest(folder, "any").holds(link(MAC)), "of a time without them");
  }

  @Test
  void read_damagedFile_costsWhatStandsInItAndIsTold() throws Exception {
    assertFalse(new DeviceManifest(folder, "any").isDamaged());
    for (byte[] content : List.of(new byte[] {(byte) 0xff, 0}, new byte[] {0x78})) {
      Files.write(folder.resolve("any-devices"), content);
      var manifest = new DeviceManifest(folder, "any");
      assertTrue(manifest.isDamaged());
      assertEquals(Map.of(), manifest.devices());
      manifest.find("lxc5", 17, MAC, true);
      assertEquals(Map.of("lxc5", made(17)), new DeviceManifest(folder, "any").leftBehind());
    }
  }

  @Test
  void write_always_isTheUsersAloneAndSurvivesACrash() throws Exception {
    Files.writeString(folder.resolve("any-devices.new"), "left by a crash");
    new DeviceManifest(folder, "any").add("lxc5", 17);
    assertEquals(
        "rw-------",
        PosixFilePermissions.toString(
            Files.getPosixFilePermissions(folder.resolve("any-devices"))));
  }
}
