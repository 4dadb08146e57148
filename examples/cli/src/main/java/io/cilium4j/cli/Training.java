// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.command.Console;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Run once when the package is built, with {@code -XX:AOTCacheOutput}: goes through the commands
 * that are asked most, so that their classes are in the cache and need not be read and verified at
 * each start. A stand-in answers in the agent's place.
 */
public final class Training {
  private static final String ENDPOINT =
      """
      {"id": 7, "spec": {"options": {}}, "status": {"state": "ready",
        "identity": {"id": 1234, "labels": ["k8s:a=1"]}, "log": [],
        "labels": {"security-relevant": ["k8s:a=1"]}, "namedPorts": null,
        "networking": {"addressing": [{"ipv4": "10.0.0.7", "ipv6": "fd00::7"}]},
        "policy": {"realized": {"policy-enabled": "both", "policy-revision": 3}},
        "health": {"connected": true, "overallHealth": "OK"}}}
      """;

  private static final Map<String, String> ANSWERS =
      Map.of(
          "/v1/healthz", "{\"cilium\": {\"state\": \"Ok\", \"msg\": \"1.0\"}, \"controllers\": []}",
          "/v1/endpoint", "[" + ENDPOINT + "]",
          "/v1/endpoint/7", ENDPOINT,
          "/v1/identity", "[{\"id\": 1, \"labels\": [\"reserved:host\"]}]",
          "/v1/ip", "[{\"cidr\": \"10.0.0.7/32\", \"identity\": 1234}]",
          "/v1/policy", "{\"revision\": 1, \"policy\": \"[]\"}",
          "/v1/config", "{\"status\": {\"realized\": {\"options\": {\"Debug\": \"Disabled\"}}}}",
          "/v1/service", "[]");

  private Training() {}

  /** Runs the commands; their output goes nowhere. */
  public static void main(String[] args) throws IOException {
    Path folder = Files.createTempDirectory("cilium-training");
    Path socket = folder.resolve("agent.sock");
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      var thread = new Thread(() -> serve(server), "stand-in");
      thread.setDaemon(true);
      thread.start();
      for (String line :
          List.of(
              "version",
              "status",
              "status --brief",
              "endpoint list",
              "endpoint list -o json",
              "endpoint list -o yaml",
              "endpoint get 7 -o jsonpath={[*].id}",
              "endpoint nonsense",
              "identity list",
              "ip list",
              "policy get",
              "config",
              "service list",
              "bpf endpoint list",
              "--help",
              "completion bash")) {
        List<String> words = new ArrayList<>(List.of("-H", socket.toString()));
        words.addAll(List.of(line.split(" ", -1)));
        var nowhere =
            new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
        var console = new Console(new ByteArrayInputStream(new byte[0]), nowhere, nowhere);
        Main.run(console, words);
      }
      Main.run(Console.ofSystem(), List.of("-H", folder.resolve("nobody").toString(), "version"));
    } finally {
      Files.deleteIfExists(socket);
      Files.delete(folder);
    }
  }

  private static void serve(ServerSocketChannel server) {
    var request = ByteBuffer.allocate(4096);
    try {
      while (true) {
        try (var client = server.accept()) {
          // The requests of these commands have no bodies and come in one piece.
          client.read(request.clear());
          String line = new String(request.array(), 0, request.position(), StandardCharsets.UTF_8);
          String body = ANSWERS.getOrDefault(line.split(" ", 3)[1], "{}");
          int length = body.getBytes(StandardCharsets.UTF_8).length;
          String answer = "HTTP/1.1 200 OK\r\nContent-Length: " + length + "\r\n\r\n" + body;
          client.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
        }
      }
    } catch (IOException e) {
      // The commands are through.
    }
  }
}
