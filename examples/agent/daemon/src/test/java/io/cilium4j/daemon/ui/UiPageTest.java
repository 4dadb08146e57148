// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.core.DropReason;
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
import java.util.ArrayList;
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

  /** What is done with the page at its address. */
  private interface Visit {
    void to(String url) throws Exception;
  }

  private void serve(String query, Visit visit) throws Exception {
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
      visit.to(Files.readString(link).strip().replace("/#", "/" + query + "#"));
    }
  }

  /** The page in a browser of which a person has the keyboard. */
  private void visit(String query, Person person) throws Exception {
    serve(
        query,
        url -> {
          try (var browser = new Browser(BROWSER, folder, 1200, 900)) {
            browser.open(url);
            browser.await("document.readyState == 'complete' && flows.length == " + log.reported());
            person.use(browser);
          }
        });
  }

  /** What somebody does with the page. */
  private interface Person {
    void use(Browser browser) throws Exception;
  }

  /** The page as it stands after its scripts have run. */
  private String page(String query) throws Exception {
    var pages = new ArrayList<String>();
    serve(
        query,
        url -> {
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
          pages.add(new String(browser.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
          assertEquals(0, browser.waitFor());
        });
    return pages.getFirst();
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

  private void deny(int port) {
    Flow flow = flow(port, 0, Optional.empty());
    log.accept(
        new Flow(
            flow.timeNanos(),
            Verdict.DENIED,
            Optional.of(DropReason.POLICY_DENIED),
            TrafficDirection.INGRESS,
            1,
            1001,
            1001,
            flow.source(),
            flow.destination(),
            6,
            40_000,
            port,
            0,
            0,
            2,
            Optional.empty()));
  }

  /** Goes from control to control until one is reached for which the expression is true. */
  private static void tabTo(Browser browser, String expression) throws Exception {
    for (int i = 0; i < 30; i++) {
      browser.press("Tab");
      if (browser.read(expression).equals("true")) {
        return;
      }
    }
    throw new AssertionError("the keyboard does not reach " + expression);
  }

  @Test
  void page_keyboardAlone_filtersAsksWhyAndComesBack() throws Exception {
    deny(443);
    log.accept(flow(80, 0, Optional.of(new FlowTrace(Point.TO_ENDPOINT, Life.NEW))));
    visit(
        "",
        browser -> {
          tabTo(browser, "document.activeElement.name == 'port'");
          for (String digit : List.of("4", "4", "3")) {
            browser.press(digit);
          }
          browser.await("location.search == '?port=443'");
          browser.await("document.querySelectorAll('#flows tbody tr').length == 2");
          tabTo(browser, "document.activeElement.textContent == 'why'");
          // What comes meanwhile takes the control away from nobody.
          deny(443);
          browser.await("document.querySelectorAll('#flows tbody tr').length == 4");
          assertEquals("why", browser.read("document.activeElement.textContent"));
          browser.press("Enter");
          browser.await("document.activeElement.id == 'why-text'");
          browser.press("Tab");
          assertEquals("why-close", browser.read("document.activeElement.id"));
          browser.press("Enter");
          browser.await("document.getElementById('why').hidden");
          assertEquals("why", browser.read("document.activeElement.textContent"));
          tabTo(browser, "document.activeElement.tagName == 'SUMMARY'");
          browser.press("Enter");
          browser.await("document.getElementById('endpoints').open");
        });
  }

  /** How much a text stands out, as WCAG counts: the least of everything that has a text. */
  private static final String CONTRAST =
      """
      (() => {
        const parts = (text) => text.match(/[\\d.]+/g).map(Number);
        const light = (text) => {
          const [r, g, b] = parts(text).slice(0, 3)
            .map((each) => each / 255)
            .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const behind = (element) => {
          for (let at = element; at; at = at.parentElement) {
            const back = getComputedStyle(at).backgroundColor;
            if (parts(back)[3] !== 0) return back;
          }
          return 'rgb(255, 255, 255)';
        };
        let least = 21;
        for (const each of document.querySelectorAll('body, td, th, button, input, select, h1, h2, summary')) {
          if (each.checkVisibility() === false) continue;
          const a = light(getComputedStyle(each).color);
          const b = light(behind(each));
          least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
        }
        return least;
      })()
      """;

  @Test
  void page_lightAndDark_standsOutInBoth() throws Exception {
    deny(443);
    log.accept(flow(80, 0, Optional.of(new FlowTrace(Point.TO_ENDPOINT, Life.NEW))));
    visit(
        "",
        browser -> {
          browser.prefer("light");
          String light = browser.read("getComputedStyle(document.body).backgroundColor");
          assertTrue(Double.parseDouble(browser.read(CONTRAST)) >= 4.5, "light");
          browser.prefer("dark");
          browser.await("getComputedStyle(document.body).backgroundColor != '" + light + "'");
          double contrast = Double.parseDouble(browser.read(CONTRAST));
          assertTrue(contrast >= 4.5, () -> "dark: " + contrast);
        });
  }

  @Test
  void page_tenThousandFlows_areScrolledAndDrawnSoon() throws Exception {
    for (int i = 0; i < FLOWS; i++) {
      log.accept(flow(i % 1_000, 0, Optional.of(new FlowTrace(Point.TO_ENDPOINT, Life.NEW))));
    }
    visit(
        "",
        browser -> {
          tabTo(browser, "document.activeElement.className == 'scroll'");
          browser.press("PageDown");
          browser.await("document.querySelector('.scroll').scrollTop > 0");
          String paint = browser.read("performance.getEntriesByName('first-paint')[0].startTime");
          String drawn =
              browser.read(
                  "(() => { const begin = performance.now(); draw(); return performance.now() - begin })()");
          System.out.printf("page: first paint after %s ms, drawn in %s ms%n", paint, drawn);
          assertTrue(Double.parseDouble(drawn) < 2_000, drawn);
        });
  }
}
