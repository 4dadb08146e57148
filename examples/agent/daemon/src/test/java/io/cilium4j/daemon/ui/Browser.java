// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.ui;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A browser with one page, by the protocol of its developer's tools: keys are pressed and pages
 * read as a person would. For one thread.
 */
final class Browser implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final Process process;
  private final HttpClient http = HttpClient.newHttpClient();
  private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
  private final WebSocket socket;
  private final String session;
  private int sent;

  /** Starts it, with an empty page of this size. */
  Browser(Path program, Path folder, int width, int height) throws Exception {
    Path profile = folder.resolve("profile");
    process =
        new ProcessBuilder(
                program.toString(),
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-port=0",
                "--window-size=" + width + "," + height,
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    List<String> where = awaitLines(profile.resolve("DevToolsActivePort"));
    socket =
        http.newWebSocketBuilder()
            .buildAsync(
                URI.create("ws://127.0.0.1:" + where.get(0) + where.get(1)), new Receiver(received))
            .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    JsonNode targets = ask("", "Target.getTargets", Map.of()).get("targetInfos");
    String target = "";
    for (JsonNode each : targets) {
      target =
          each.get("type").asString().equals("page") ? each.get("targetId").asString() : target;
    }
    session =
        ask("", "Target.attachToTarget", Map.of("targetId", target, "flatten", true))
            .get("sessionId")
            .asString();
    ask("Page.enable", Map.of());
  }

  private List<String> awaitLines(Path file) throws IOException {
    Instant end = Instant.now().plus(PATIENCE);
    while (true) {
      List<String> lines = Files.exists(file) ? Files.readAllLines(file) : List.of();
      if (lines.size() >= 2) {
        return lines;
      }
      assertTrue(Instant.now().isBefore(end) && process.isAlive(), "the browser does not start");
      Thread.onSpinWait();
    }
  }

  /** Puts parts of messages together. */
  private static final class Receiver implements WebSocket.Listener {
    private final BlockingQueue<String> to;
    private final StringBuilder parts = new StringBuilder();

    Receiver(BlockingQueue<String> to) {
      this.to = to;
    }

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
      parts.append(data);
      if (last) {
        to.add(parts.toString());
        parts.setLength(0);
      }
      from.request(1);
      return null;
    }
  }

  private JsonNode ask(String method, Map<String, ?> parameters) throws Exception {
    return ask(session, method, parameters);
  }

  private JsonNode ask(String ofSession, String method, Map<String, ?> parameters)
      throws Exception {
    int id = ++sent;
    var message = new LinkedHashMap<String, Object>();
    message.put("id", id);
    message.put("method", method);
    message.put("params", parameters);
    if (!ofSession.isEmpty()) {
      message.put("sessionId", ofSession);
    }
    socket.sendText(JSON.writeValueAsString(message), true).get(10, TimeUnit.SECONDS);
    while (true) {
      String text = received.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertTrue(text != null, method + ": no answer");
      JsonNode answer = JSON.readTree(text);
      if (answer.path("id").asInt(0) == id) {
        assertTrue(answer.get("error") == null, method + ": " + answer);
        return answer.get("result");
      }
    }
  }

  /** Goes to an address. */
  void open(String url) throws Exception {
    ask("Page.navigate", Map.of("url", url));
  }

  /** What an expression of the page is, as text. */
  String read(String expression) throws Exception {
    JsonNode answer =
        ask(
            "Runtime.evaluate",
            Map.of("expression", "String(" + expression + ")", "awaitPromise", true));
    assertTrue(answer.get("exceptionDetails") == null, answer::toString);
    return answer.get("result").get("value").asString();
  }

  /** Waits until an expression of the page is true. */
  void await(String expression) throws Exception {
    Instant end = Instant.now().plus(PATIENCE);
    while (!read(expression).equals("true")) {
      assertTrue(Instant.now().isBefore(end), expression + " does not become true");
    }
  }

  /** Presses a key, {@code Tab}, {@code Enter} or a letter, and lets it go. */
  void press(String key) throws Exception {
    Map<String, Object> stroke = new LinkedHashMap<>();
    stroke.put("key", key);
    stroke.put("code", key);
    stroke.put(
        "windowsVirtualKeyCode",
        switch (key) {
          case "Tab" -> 9;
          case "Enter" -> 13;
          case " " -> 32;
          case "PageDown" -> 34;
          default -> (int) key.charAt(0);
        });
    String text = key.equals("Enter") ? "\r" : key.length() == 1 ? key : "";
    if (!text.isEmpty()) {
      stroke.put("text", text);
    }
    stroke.put("type", text.isEmpty() ? "rawKeyDown" : "keyDown");
    ask("Input.dispatchKeyEvent", stroke);
    stroke.remove("text");
    stroke.put("type", "keyUp");
    ask("Input.dispatchKeyEvent", stroke);
  }

  /** What the page takes for the wish of who looks: {@code light} or {@code dark}. */
  void prefer(String scheme) throws Exception {
    var features = new ArrayList<Map<String, String>>();
    features.add(Map.of("name", "prefers-color-scheme", "value", scheme));
    ask("Emulation.setEmulatedMedia", Map.of("features", features));
  }

  /** The page as a picture. */
  void picture(Path to) throws Exception {
    JsonNode picture = ask("Page.captureScreenshot", Map.of("format", "png"));
    Files.write(to, Base64.getDecoder().decode(picture.get("data").asString()));
  }

  @Override
  public void close() {
    socket.abort();
    http.shutdownNow();
    process.destroy();
    process.onExit().join(); // Its folder is removed next.
  }
}
