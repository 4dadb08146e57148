// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.DnsConfig;
import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.config.DatapathChoice;
import io.cilium4j.agent.config.LabelsConfig;
import io.cilium4j.agent.config.MasqueradeConfig;
import io.cilium4j.agent.config.Seam;
import io.cilium4j.agent.config.ServicesConfig;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.proxy.Redaction;
import io.cilium4j.policy.EnforcementMode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MasqueradeFeatureTest {

  private static final List<IpPrefix> PREFIXES =
      List.of(IpPrefix.parse("10.1.0.0/24"), IpPrefix.parse("fd00:1::/112"));

  private static final Set<Capability> ABLE = Set.of(Capability.LEAVES_BY_NODE_STACK);

  private static final long PATIENCE_NANOS = Duration.ofSeconds(20).toNanos();

  @TempDir private Path folder;
  private final UndoStack opened = new UndoStack();
  private final Lifecycle lifecycle = new Lifecycle();
  private final TableWriter<RowKey, Row> nodes =
      TableWriter.create("nodes", Comparator.naturalOrder(), Set.of("store"));

  /** What is written to the program, one transaction after the other. */
  private Path input;

  private Optional<Nft> nft = Optional.empty();

  /** A program that takes every script, and notes those that it carries out. */
  @BeforeEach
  void makeProgram() throws IOException {
    input = folder.resolve("input");
    Files.createFile(input);
    Path program = folder.resolve("nft");
    Files.writeString(
        program, "#!/bin/sh\n[ \"$1\" = -s ] || [ \"$1\" = -c ] || cat >>%s\n".formatted(input));
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    nft = Optional.of(new Nft(program));
  }

  @AfterEach
  void stop() {
    lifecycle.stop();
    opened.close();
  }

  private MasqueradeFeature start(
      Set<Capability> capabilities, MasqueradeConfig wanted, Optional<Table<RowKey, Row>> others) {
    var config =
        new AgentConfig(
            "t",
            () -> DatapathChoice.of("memory"),
            folder,
            Optional.empty(),
            new Seam<>(
                () -> {
                  throw new IllegalStateException("no addresses here");
                },
                Map.of()),
            new Seam<>(
                () -> {
                  throw new IllegalStateException("no identities here");
                },
                Map.of()),
            List.of(),
            "node",
            PREFIXES,
            Map.of(),
            "default",
            0,
            0,
            100,
            Tracing.CHANGES,
            Limits.DEFAULT,
            List.of(),
            EnforcementMode.DEFAULT,
            false,
            false,
            Optional.empty(),
            Optional.empty(),
            Routing.NETWORK,
            false,
            Redaction.CREDENTIALS,
            DnsConfig.DEFAULT,
            wanted,
            ServicesConfig.DEFAULT,
            LabelsConfig.DEFAULT,
            false,
            false);
    var context = new FeatureContext(config, new StateFolder(folder), opened, new ArrayList<>());
    TableWriter<IpPrefix, String> podCidrs = TableWriter.create("pod-cidrs");
    PREFIXES.forEach(prefix -> podCidrs.put(prefix, "default"));
    var feature =
        new MasqueradeFeature(context, podCidrs.table(), "d", capabilities, others, () -> nft);
    feature.join(lifecycle);
    lifecycle.start();
    return feature;
  }

  private void awaitInput(String text) throws IOException {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!Files.readString(input).contains(text)) {
      assertTrue(System.nanoTime() - end < 0, () -> text + " is never written");
      LockSupport.parkNanos(1_000_000);
    }
  }

  @Test
  void start_withoutNodes_masqueradesBothFamilies() throws IOException {
    MasqueradeFeature feature = start(ABLE, MasqueradeConfig.DEFAULT, Optional.empty());
    assertEquals(Set.of(IpFamily.IPV4, IpFamily.IPV6), feature.families());
    assertEquals(Map.of(), feature.problems());
    awaitInput("ip6 saddr fd00:1::/112 ip6 daddr != @inside6 masquerade");
    assertTrue(Files.readString(input).contains("add table inet cilium4j_t\n"));
  }

  @Test
  void start_oneFamilyWithNativeRouting_masqueradesThatAlone() throws IOException {
    var wanted =
        MasqueradeConfig.DEFAULT
            .with(IpFamily.IPV6, false)
            .withNativeRouting(List.of(IpPrefix.parse("172.16.0.0/12")));
    MasqueradeFeature feature = start(ABLE, wanted, Optional.empty());
    assertEquals(Set.of(IpFamily.IPV4), feature.families());
    awaitInput("172.16.0.0/12");
    assertFalse(Files.readString(input).contains("ip6 saddr"));
  }

  @Test
  void nodes_comeAndGo_setFollows() throws IOException {
    MasqueradeFeature feature = start(ABLE, MasqueradeConfig.DEFAULT, Optional.of(nodes.table()));
    var other =
        new NodeRow(
            "other",
            List.of(IpAddress.parse("192.0.2.7")),
            List.of(IpPrefix.parse("10.1.7.0/24")),
            Optional.empty(),
            0);
    nodes.write(batch -> batch.put(other.key(), other));
    // Not all of them are known: nothing is written.
    assertEquals("", Files.readString(input));
    nodes.synced("store");
    awaitInput("10.1.0.0/24, 10.1.7.0/24, 169.254.0.0/16, 192.0.2.7/32");
    nodes.write(batch -> batch.remove(new NodeKey("other")));
    awaitInput("10.1.0.0/24, 169.254.0.0/16, 224.0.0.0/4");
    assertEquals(Map.of(), feature.problems());
  }

  @Test
  void ipMasqAgent_fileComesChangesAndBreaks_setFollowsAndKeepsTheLastGood() throws IOException {
    Path file = folder.resolve("ip-masq-agent");
    MasqueradeFeature feature =
        start(ABLE, MasqueradeConfig.DEFAULT.withIpMasqAgent(file), Optional.empty());
    awaitInput("ipmasq4 { 10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12,");
    Files.writeString(file, "nonMasqueradeCIDRs: [192.0.2.0/24]\nmasqLinkLocal: true\n");
    awaitInput("ipmasq4 { 192.0.2.0/24 }");
    Files.writeString(file, "nonMasqueradeCIDRs: [192.0.2.0]\n");
    awaitProblem(
        feature,
        file + ": nonMasqueradeCIDRs: 192.0.2.0 is no prefix; what it said before is in force");
    String written = Files.readString(input);
    assertTrue(written.substring(written.lastIndexOf("add table")).contains("{ 192.0.2.0/24 }"));
    Files.writeString(file, "{\"nonMasqueradeCIDRs\": [\"fd00:2::/64\"]}");
    awaitInput("ipmasq6 { fd00:2::/64, fe80::/10 }");
    awaitProblem(feature, "");
  }

  private static void awaitProblem(MasqueradeFeature feature, String text) {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!String.join("", feature.problems().values()).equals(text)) {
      assertTrue(System.nanoTime() - end < 0, () -> feature.problems().toString());
      LockSupport.parkNanos(1_000_000);
    }
  }

  @Test
  void start_nftMissing_isNoProblem() {
    nft = Optional.empty();
    MasqueradeFeature silent = start(ABLE, MasqueradeConfig.DEFAULT, Optional.empty());
    assertEquals(Set.of(), silent.families());
    assertEquals(Map.of(), silent.problems());
  }

  @Test
  void start_nftMissingAndAskedFor_isOneProblem() {
    nft = Optional.empty();
    MasqueradeFeature feature =
        start(ABLE, MasqueradeConfig.DEFAULT.with(IpFamily.IPV4, true), Optional.empty());
    assertEquals(Set.of(), feature.families());
    assertEquals(
        List.of(
            "pods' addresses are not masqueraded: the program nft is not installed (Debian's"
                + " package nftables)"),
        List.copyOf(feature.problems().values()));
  }

  @Test
  void start_onAnotherDatapath_isAProblemOfWhoAsksForIt() {
    MasqueradeFeature feature =
        start(Set.of(), MasqueradeConfig.DEFAULT.with(IpFamily.IPV4, true), Optional.empty());
    assertEquals(
        Map.of("masquerading", "pods' addresses are not masqueraded: the datapath d cannot do it"),
        feature.problems());
  }

  @Test
  void start_turnedOff_removesWhatWas() throws IOException {
    start(
        ABLE,
        MasqueradeConfig.DEFAULT.with(IpFamily.IPV4, false).with(IpFamily.IPV6, false),
        Optional.empty());
    awaitInput("delete table inet cilium4j_t");
  }
}
