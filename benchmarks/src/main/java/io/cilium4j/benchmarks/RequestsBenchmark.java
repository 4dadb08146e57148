// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import com.sun.management.ThreadMXBean;
import io.cilium4j.core.L7Rules;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.proxy.AccessLog;
import io.cilium4j.datapath.proxy.Check;
import io.cilium4j.datapath.proxy.HttpProxy;
import io.cilium4j.datapath.proxy.Limits;
import io.cilium4j.datapath.proxy.ProxiedFlow;
import io.cilium4j.datapath.proxy.ProxyNetwork;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Requests through the HTTP proxy and through HAProxy with the same rules and as many threads, in
 * turns, from the same client to the same server on the same processors. HAProxy is taken twice: as
 * it is, with server connections that its clients share, and with one for each client, as a proxy
 * has it that keeps the clients' addresses.
 */
final class RequestsBenchmark {
  private static final int ROUNDS = Integer.getInteger("requests.rounds", 7);
  private static final int THREADS = 2;

  /** Requests of a batch. */
  private static final int KEEP_ALIVE = 40_000;

  private static final int NEW_CONNECTIONS = 6_000;

  private static final int CLIENTS = 50;
  private static final String PATH = "/v1/request-landing";

  private RequestsBenchmark() {}

  /** Where requests are sent, and what is measured there in each kind of batch. */
  private record Target(String name, int port, Row kept, Row made) {
    Target(String name, int port) {
      this(name, port, new Row(), new Row());
    }
  }

  /** What is measured in one kind of batch. */
  private static final class Row {
    final Samples perSecond = new Samples();
    final Samples p99Millis = new Samples();
    final Samples median = new Samples();
  }

  static void run(PrintStream out) {
    try {
      measure(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void measure(PrintStream out) throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("cilium4j-requests");
    Process haproxy = haproxy(folder);
    try (HttpProxy own = proxy(new InetSocketAddress(InetAddress.getLoopbackAddress(), 18_080))) {
      var proxied = new Target("HttpProxy", own.addresses().getFirst().getPort());
      var haproxied = new Target("HAProxy", 18_081);
      List<Target> targets =
          List.of(
              new Target("no proxy", 18_080),
              haproxied,
              new Target("HAProxy, 1:1", 18_082),
              proxied);
      targets.forEach(each -> awaitPort(each.port));
      for (int i = 0; i < 3; i++) { // The compiler's share.
        keepAlive(proxied.port, new Row());
        newConnections(proxied.port, new Row());
      }
      var allocated = new Samples();
      for (int round = 0; round < ROUNDS; round++) {
        for (Target each : targets) {
          long before = allocatedBytes();
          keepAlive(each.port, each.kept);
          if (each.equals(proxied)) {
            allocated.add((allocatedBytes() - before) / (double) KEEP_ALIVE);
          }
          newConnections(each.port, each.made);
        }
      }
      print(out, "keep-alive, " + CLIENTS + " connections", targets, haproxied.kept, Target::kept);
      print(
          out,
          "a connection for each request, " + CLIENTS + " at a time",
          targets,
          haproxied.made,
          Target::made);
      out.printf(
          Locale.ROOT,
          "%nallocated by the proxy's threads a request, keep-alive: %.0f bytes%n",
          allocated.median());
    } finally {
      haproxy.destroy();
      haproxy.waitFor();
    }
  }

  private static void print(
      PrintStream out,
      String title,
      List<Target> targets,
      Row haproxy,
      Function<Target, Row> measured) {
    var table =
        new Table(
            title, "requests/s, median", "most", "ms, median", "p99", "p99, least", "of HAProxy");
    for (Target each : targets) {
      Row row = measured.apply(each);
      table.row(
          each.name,
          String.format(Locale.ROOT, "%,.0f", row.perSecond.median()),
          String.format(Locale.ROOT, "%,.0f", row.perSecond.percentile(100)),
          String.format(Locale.ROOT, "%.2f", row.median.median()),
          String.format(Locale.ROOT, "%.2f", row.p99Millis.median()),
          String.format(Locale.ROOT, "%.2f", row.p99Millis.least()),
          String.format(Locale.ROOT, "%.2f", row.perSecond.median() / haproxy.perSecond.median()));
    }
    out.println();
    table.print(out);
  }

  /** A server and two proxies in front of it, in processes of HAProxy. */
  private static Process haproxy(Path folder) throws IOException {
    Path config = folder.resolve("haproxy.cfg");
    String rules =
        """
          mode http
          acl one method GET
          acl one_path path -m reg ^/v1/status$
          acl two method GET
          acl two_path path -m reg ^/v1/ships/[0-9]+$
          acl three method GET
          acl three_path path -m reg ^/v1/request-landing$
          http-request deny deny_status 403 unless one one_path or two two_path or three three_path
        """;
    Files.writeString(
        config,
        """
        global
          nbthread %d
          maxconn 8000
        defaults
          timeout client 60s
          timeout server 60s
          timeout connect 2s
        frontend server
          bind 127.0.0.1:18080
          mode http
          http-request return status 200 content-type text/plain string "ok"
        frontend shared
          bind 127.0.0.1:18081
        %s  default_backend shared
        backend shared
          mode http
          server one 127.0.0.1:18080
        frontend alone
          bind 127.0.0.1:18082
        %s  default_backend alone
        backend alone
          mode http
          http-reuse never
          server one 127.0.0.1:18080
        """
            .formatted(THREADS, rules, rules));
    return new ProcessBuilder("haproxy", "-q", "-db", "-f", config.toString()).inheritIO().start();
  }

  private static HttpProxy proxy(InetSocketAddress server) {
    var rule = new RuleOrigin(7, "CiliumNetworkPolicy/default/rule1", "spec.ingress[0].toPorts[0]");
    List<HttpRule> rules = new ArrayList<>();
    for (String path : List.of("/v1/status", "/v1/ships/[0-9]+", PATH)) {
      rules.add(new HttpRule(path, "GET", "", List.of(), List.of()));
    }
    RequestMatcher matcher =
        RequestMatcher.builder()
            .http(rule, new L7Rules.Http(rules), _ -> Optional.empty())
            .otherRequests(RequestMatcher.Decision.deny(rule))
            .build();
    List<Check> checks = List.of(new Check(258, TrafficDirection.INGRESS, 300, 6, 80));
    return HttpProxy.start(
        new HttpProxy.Config(
            "http",
            List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
            ProxyNetwork.PLAIN,
            (client, _) -> Optional.of(new ProxiedFlow(client, server, 300, 400, checks)),
            _ -> matcher,
            AccessLog.NONE,
            Limits.DEFAULT,
            THREADS));
  }

  private static void awaitPort(int port) {
    while (true) {
      try (var _ = new Socket(InetAddress.getLoopbackAddress(), port)) {
        return;
      } catch (IOException e) {
        LockSupport.parkNanos(10_000_000);
      }
    }
  }

  /** What the proxy's threads have allocated so far. */
  private static long allocatedBytes() {
    var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long bytes = 0;
    for (Thread each : Thread.getAllStackTraces().keySet()) {
      if (each.getName().startsWith("proxy-")) {
        bytes += threads.getThreadAllocatedBytes(each.threadId());
      }
    }
    return bytes;
  }

  private static void keepAlive(int port, Row row) throws IOException, InterruptedException {
    Path log = Files.createTempFile("h2load", ".log");
    Files.delete(log);
    String output =
        program(
            "h2load",
            "--h1",
            "-n" + KEEP_ALIVE,
            "-c" + CLIENTS,
            "--log-file=" + log,
            "http://127.0.0.1:" + port + PATH);
    if (!output.contains(KEEP_ALIVE + " succeeded, 0 failed")) {
      throw new IllegalStateException(output);
    }
    var micros = new Samples();
    for (String line : Files.readAllLines(log)) {
      String[] words = line.split("\t", -1);
      if (!words[1].equals("200")) {
        throw new IllegalStateException(line);
      }
      micros.add(Double.parseDouble(words[2]));
    }
    Files.delete(log);
    row.perSecond.add(number(output, "finished in [^,]*, ([0-9.]+) req/s"));
    row.median.add(micros.median() / 1_000);
    row.p99Millis.add(micros.percentile(99) / 1_000);
  }

  private static void newConnections(int port, Row row) throws IOException, InterruptedException {
    Path csv = Files.createTempFile("ab", ".csv");
    String output =
        program(
            "ab",
            "-q",
            "-n" + NEW_CONNECTIONS,
            "-c" + CLIENTS,
            "-e" + csv,
            "http://127.0.0.1:" + port + PATH);
    if (number(output, "Complete requests: +([0-9]+)") != NEW_CONNECTIONS
        || output.contains("Non-2xx")
        || number(output, "Failed requests: +([0-9]+)") != 0) {
      throw new IllegalStateException(output);
    }
    row.perSecond.add(number(output, "Requests per second: +([0-9.]+)"));
    for (String line : Files.readAllLines(csv)) {
      if (line.startsWith("50,")) {
        row.median.add(Double.parseDouble(line.substring(3)));
      } else if (line.startsWith("99,")) {
        row.p99Millis.add(Double.parseDouble(line.substring(3)));
      }
    }
    Files.delete(csv);
  }

  private static double number(String text, String pattern) {
    Matcher found = Pattern.compile(pattern).matcher(text);
    if (!found.find()) {
      throw new IllegalStateException(pattern + " in " + text);
    }
    return Double.parseDouble(found.group(1));
  }

  private static String program(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    if (process.waitFor() != 0) {
      throw new IllegalStateException(String.join(" ", command) + ": " + output);
    }
    return output;
  }
}
