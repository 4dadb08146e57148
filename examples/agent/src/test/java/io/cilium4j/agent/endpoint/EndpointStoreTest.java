// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.state.AtomicFiles;
import io.cilium4j.agent.state.InstanceLock;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EndpointStoreTest {

  private static final Endpoint ENDPOINT =
      new Endpoint(
          0x1234,
          "default",
          "web-0",
          Labels.parse("k8s:app=web", "k8s:io.kubernetes.pod.namespace=default"),
          257,
          List.of(IpAddress.parse("10.1.2.3"), IpAddress.parse("fd00::3")),
          new EndpointInterface(
              "lxc4660",
              7,
              MacAddress.parse("02:00:00:00:00:01"),
              MacAddress.parse("02:00:00:00:00:02"),
              "/run/netns/web"),
          Map.of("http", new NamedPort(6, 8080)),
          EndpointState.RESTORING);

  private static final EndpointDetails DETAILS =
      new EndpointDetails(
          new EndpointDetails.Names("0af3", "web", "eth0", "", "", "u-1", true),
          Labels.parse("k8s:app=web", "k8s:pod-template-hash=12"),
          Labels.parse("user:tier=gold"),
          Map.of("DropNotification", false),
          EndpointDetails.AddressOwner.OTHERS);

  private static final StoredEndpoint KEPT = new StoredEndpoint(ENDPOINT, DETAILS);

  @TempDir Path temp;
  private StateFolder folder;
  private EndpointStore store;

  @BeforeEach
  void createFolder() {
    folder = new StateFolder(temp.resolve("state"));
    folder.create();
    store = new EndpointStore(folder);
  }

  @Test
  void load_whatWasPut_isTheSame() {
    store.put(ENDPOINT, DETAILS);
    assertEquals(List.of(KEPT), store.load().kept());
    store.remove(ENDPOINT.id());
    store.remove(ENDPOINT.id());
    assertEquals(List.of(), store.load().kept());
  }

  @Test
  void put_filesAndFolders_areTheUsersAlone() throws Exception {
    store.put(ENDPOINT, DETAILS);
    assertEquals(
        "rwx------",
        PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.endpoints())));
    for (Path file : AtomicFiles.list(folder.endpoints(), ".json")) {
      assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(file)));
    }
  }

  @Test
  void load_writingWasCutShort_keepsTheOldContent() throws Exception {
    store.put(ENDPOINT, DETAILS);
    Files.writeString(folder.endpoints().resolve(ENDPOINT.id() + ".json.tmp"), "{\"version\"");
    assertEquals(List.of(KEPT), store.load().kept());
    store.put(ENDPOINT, DETAILS);
    assertEquals(List.of(KEPT), store.load().kept());
  }

  @Test
  void put_thatFails_leavesNoPartBehind() throws Exception {
    Path inTheWay = folder.endpoints().resolve(ENDPOINT.id() + ".json");
    Files.createDirectories(inTheWay.resolve("something"));
    assertThrows(AgentException.class, () -> store.put(ENDPOINT, DETAILS));
    assertEquals(List.of(inTheWay), AtomicFiles.list(folder.endpoints(), ""));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "null",
        "[]",
        "{}",
        "{\"version\": 3}",
        "{\"version\": 2, \"id\": \"12\"}",
        "{\"version\": 2} trailing",
        "\u0000\u0001\u0002"
      })
  void load_damagedFile_isSetAsideAndTheOthersAreRead(String content) throws Exception {
    store.put(ENDPOINT, DETAILS);
    Path damaged = folder.endpoints().resolve("9.json");
    Files.writeString(damaged, content);
    assertEquals(List.of(KEPT), store.load().kept());
    assertFalse(Files.exists(damaged));
    assertTrue(Files.exists(folder.endpoints().resolve("9.json.damaged")));
    var lost = store.lost();
    assertEquals(List.of("9.json"), lost.stream().map(each -> each.file()).toList());
    assertTrue(lost.getFirst().problem().startsWith("endpoint state lost: " + damaged));
    assertTrue(lost.getFirst().podName().isEmpty());
  }

  private static StoredEndpoint kept(int id, String name) {
    return new StoredEndpoint(
        new Endpoint(
            id,
            "default",
            name,
            ENDPOINT.labels(),
            257,
            ENDPOINT.addresses(),
            ENDPOINT.device(),
            Map.of(),
            EndpointState.RESTORING),
        DETAILS);
  }

  private void put(String file, StoredEndpoint kept, long written) throws Exception {
    Files.write(folder.endpoints().resolve(file), EndpointFile.write(kept, written));
  }

  private List<String> files() {
    return AtomicFiles.list(folder.endpoints(), "").stream()
        .map(file -> String.valueOf(file.getFileName()))
        .toList();
  }

  @Test
  void load_filesWereSwapped_eachIsWhatStandsInIt() throws Exception {
    put("8.json", kept(9, "nine"), 1);
    put("9.json", kept(8, "eight"), 2);
    put("5.json", kept(7, "seven"), 3);
    assertEquals(List.of(kept(7, "seven"), kept(8, "eight"), kept(9, "nine")), store.load().kept());
    assertEquals(List.of("7.json", "8.json", "9.json"), files());
    assertEquals(List.of(kept(7, "seven"), kept(8, "eight"), kept(9, "nine")), store.load().kept());
  }

  @Test
  void load_twoFilesOfOneId_takesTheNewerAndTellsOfTheOther() throws Exception {
    put("8.json", kept(8, "former"), 5);
    put("9.json", kept(8, "present"), 6);
    var loaded = store.load();
    assertEquals(List.of(kept(8, "present")), loaded.kept());
    assertEquals(List.of("8.json", "8.json.damaged"), files());
    assertEquals(
        List.of(Optional.of("default/former")),
        store.lost().stream().map(each -> each.podName()).toList());
  }

  @Test
  void load_highestId_countsWhatCannotBeReadToo() throws Exception {
    put("8.json", kept(8, "eight"), 5);
    Files.writeString(folder.endpoints().resolve("41.json"), "{");
    assertEquals(41, store.load().highestId());
    assertEquals(41, store.load().highestId(), "set aside by now");
  }

  @Test
  void put_clockWentBack_isNewerAllTheSame() throws Exception {
    long future = System.currentTimeMillis() + 1_000_000_000L;
    put("9.json", kept(9, "nine"), future);
    var _ = store.load();
    store.put(kept(8, "eight").endpoint(), DETAILS);
    byte[] text = Files.readAllBytes(folder.endpoints().resolve("8.json"));
    assertTrue(EndpointFile.written(text) > future);
  }

  @Test
  void setAside_isNoEndpointUntilItComesBack() throws Exception {
    store.put(ENDPOINT, DETAILS);
    store.setAside(ENDPOINT.id());
    assertEquals(List.of(), store.load().kept());
    assertEquals(List.of(KEPT), store.load().aside());
    store.comeBack(ENDPOINT, DETAILS);
    assertEquals(List.of(KEPT), store.load().kept());
    assertEquals(List.of(), store.load().aside());
  }

  @Test
  void read_everyFieldTakenAway_isRefusedInOneLine() {
    String text = new String(EndpointFile.write(KEPT, 1), StandardCharsets.UTF_8);
    for (String field :
        List.of(
            "id",
            "name",
            "labels",
            "addresses",
            "device",
            "hostMac",
            "port",
            "details",
            "podUid")) {
      String without = text.replaceFirst("\"" + field + "\"", "\"other\"");
      var refusal =
          assertThrows(
              IllegalArgumentException.class,
              () -> EndpointFile.read(without.getBytes(StandardCharsets.UTF_8)),
              field);
      assertFalse(String.valueOf(refusal.getMessage()).contains("\n"), refusal.getMessage());
    }
  }

  @Test
  void take_heldInThisProcess_isRefusedUntilClosed() {
    try (var _ = InstanceLock.take(folder.lock(), "blue")) {
      var refusal =
          assertThrows(AgentException.class, () -> InstanceLock.take(folder.lock(), "blue"));
      assertTrue(
          String.valueOf(refusal.getMessage())
              .contains("in process " + ProcessHandle.current().pid()),
          refusal.getMessage());
    }
    InstanceLock.take(folder.lock(), "blue").close();
  }

  @Test
  void remove_strangersFile_staysWithItsFolder() throws Exception {
    store.put(ENDPOINT, DETAILS);
    Path strange = folder.root().resolve("notes");
    Files.writeString(strange, "mine");
    folder.remove();
    assertTrue(Files.exists(strange));
    assertFalse(Files.exists(folder.endpoints()));
  }
}
