// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.core.Flow;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.FlowTrace.Point;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.observer.AgentNotes;
import io.cilium4j.datapath.observer.ObserverConfig;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The page in a browser, where there is one: {@code -Dbrowser=PATH}, or Debian's {@code
 * chromium-headless-shell}.
 */
class UiPageTest {

  /** As many as the page keeps. */
  private static final int FLOWS = 10_000;

  private static final String HOSTILE = "<img src=x onerror=\"document.title='owned'\">";

  private static final Path BROWSER =
      Path.of(System.getProperty("browser", "/usr/bin/chromium-headless-shell"));

  @TempDir Path folder;

  private final FlowLog log =
      new FlowLog(
          _ -> Optional.of(new RuleOrigin(7, "CiliumNetworkPolicy/default/" + HOSTILE, HOSTILE)),
          _ -> PolicyMatch.L3_L4,
          _ -> new FlowParty(1, 1001, Labels.EMPTY, "default", HOSTILE),
          _ -> true,
          FLOWS);

  @BeforeEach
  void needBrowser() {
    Assumptions.assumeTrue(Files.isExecutable(BROWSER), BROWSER + " is there");
  }

  private static Flow flow(int port, int cookie, Optional<FlowTrace> trace) {
    return new Flow(
        System.nanoTime(),
        Verdict.ALLOWED,
        Optional.empty(),
        TrafficDirection.INGRESS,
        1,
        1001,
        1001,
        IpAddress.parse("10.0.0.1"),
        IpAddress.parse("10.0.0.2"),
        6,
        40_000,
        port,
        cookie,
        0,
        2,
        trace);
  }

  /** The page as it stands after its scripts have run. */
  private String page(String query) throws Exception {
    int port;
    try (var free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    Path link = folder.resolve("ui.link");
    Agent agent = // Not started: the page asks it for nothing unless it is told to.
        Agent.builder()
            .instance("uip")
            .datapath("memory")
            .stateFolder(folder)
            .podCidrs("10.98.1.0/24")
            .build();
    var config =
        new ObserverConfig(
            log, new AgentNotes(), Map::of, "n1", "default", "", Instant.now(), 4244, false);
    try (var access = UiAccess.open(address, link);
        var _ = UiServer.start(address, access, agent, config)) {
      String url = Files.readString(link).strip().replace("/#", "/" + query + "#");
      Process browser =
          new ProcessBuilder(
                  BROWSER.toString(),
                  "--no-sandbox",
                  "--disable-gpu",
                  "--user-data-dir=" + folder.resolve("profile"),
                  "--virtual-time-budget=60000",
                  "--dump-dom",
                  url)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      String page = new String(browser.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(0, browser.waitFor());
      return page;
    }
  }

  @Test
  void page_hostileNames_areTextAndNothingElse() throws Exception {
    log.accept(flow(80, 7, Optional.empty()));
    log.acceptRequest(
        flow(80, 7, Optional.empty()),
        new RuleOrigin(7, "CiliumNetworkPolicy/default/" + HOSTILE, HOSTILE),
        new HttpAccess("HTTP/1.1", "GET", "/" + HOSTILE, HOSTILE, List.of(), 200, 1));
    String page = page("");
    assertTrue(page.contains("2 of 2 flows"), page);
    assertTrue(page.contains("&lt;img src=x onerror="), page);
    assertFalse(page.contains("<img"), page);
    assertFalse(page.contains("<title>owned"), page);
  }

  @Test
  void page_asManyFlowsAsItKeeps_showsTheLastOnesThatMatch() throws Exception {
    for (int i = 0; i < FLOWS; i++) {
      log.accept(
          flow(i % 10 == 0 ? 443 : 80, 0, Optional.of(new FlowTrace(Point.TO_ENDPOINT, Life.NEW))));
    }
    String all = page("");
    assertTrue(all.contains("500 of 10000 flows"), all.replaceAll("(?s)<tbody>.*", ""));
    String some = page("?port=443");
    assertTrue(some.contains("500 of 1000 flows"), some.replaceAll("(?s)<tbody>.*", ""));
  }
}
