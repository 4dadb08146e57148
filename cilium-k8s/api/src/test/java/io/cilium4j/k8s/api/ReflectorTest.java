// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.node.ObjectNode;

/** What a server may answer to a list and to a watch, and what becomes of it. */
class ReflectorTest {
  private static final Resource THINGS = new Resource("g", "v1", "things", "Thing", true);
  private static final String PATH = "/apis/g/v1/things";
  private static final String WATCH = PATH + "?allowWatchBookmarks=true&resourceVersion=";

  private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
  private ScriptedServer server;
  private ApiClient client;
  private Reflector<String> reflector;

  @BeforeEach
  void open() throws IOException {
    server = new ScriptedServer();
    client = server.client();
    reflector =
        new Reflector<>(client, THINGS, PATH, Map.of(), ReflectorTest::read, new Recorder());
  }

  @AfterEach
  void close() {
    reflector.end();
    client.close();
    server.close();
    reflector.close();
  }

  private static String read(ObjectNode object) {
    assertEquals(
        "g/v1 Thing", object.path("apiVersion").asString() + " " + object.path("kind").asString());
    String value = object.path("value").asString("none");
    if (value.equals("bad")) {
      throw new IllegalArgumentException("value: bad");
    }
    return value;
  }

  private final class Recorder implements Reflector.Target<String> {
    private boolean hasObjects;

    @Override
    public boolean hasObjects() {
      return hasObjects;
    }

    @Override
    public void replace(List<Reflector.Item<String>> items, long version) {
      hasObjects = !items.isEmpty();
      told.add(
          "replace "
              + (version == Long.MAX_VALUE ? "absent" : version)
              + " "
              + items.stream().map(ReflectorTest::shown).toList());
    }

    @Override
    public void put(Reflector.Item<String> item) {
      told.add("put " + shown(item));
    }

    @Override
    public void remove(String key, long version) {
      told.add("remove " + key + "@" + version);
    }

    @Override
    public void problem(String what) {
      if (!what.isEmpty()) {
        told.add("problem " + what.replaceAll("http://127.0.0.1:[0-9]+", "SERVER"));
      }
    }
  }

  private static String shown(Reflector.Item<String> item) {
    return item.key() + "@" + item.version() + "=" + item.value().orElse("?" + item.problem());
  }

  private String told() throws InterruptedException {
    String line = told.poll(20, TimeUnit.SECONDS);
    return line == null ? "nothing" : line;
  }

  private static String list(int version, String... items) {
    return "{\"kind\":\"ThingList\",\"items\":["
        + String.join(",", items)
        + "],\"metadata\":{\"resourceVersion\":\""
        + version
        + "\"}}";
  }

  private static String thing(String name, int version, String value) {
    return "{\"metadata\":{\"namespace\":\"n\",\"name\":\"%s\",\"resourceVersion\":\"%d\",\"managedFields\":[{}]},\"value\":\"%s\"}"
        .formatted(name, version, value);
  }

  private static String event(String type, String object) {
    return "{\"type\":\"" + type + "\",\"object\":" + object + "}\n";
  }

  @Test
  void list_thenWatch_tellsEachChange() throws InterruptedException {
    server
        .answer(200, list(5, thing("a", 3, "x"), thing("b", 4, "y")))
        .hold(
            event("ADDED", thing("c", 6, "z"))
                + event("MODIFIED", thing("a", 7, "w"))
                + event("DELETED", thing("b", 8, "y"))
                + event("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"9\"}}"));
    reflector.start();
    assertEquals("replace 5 [n/a@3=x, n/b@4=y]", told());
    assertEquals("put n/c@6=z", told());
    assertEquals("put n/a@7=w", told());
    assertEquals("remove n/b@8", told());
    assertEquals(PATH + "?resourceVersion=0", server.request());
    assertEquals(WATCH + "5&watch=1", server.request());
  }

  @Test
  void watch_ended_goesOnFromTheLastVersion() throws InterruptedException {
    server
        .answer(200, list(5))
        .answer(200, event("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"70\"}}"))
        .hold(event("ADDED", thing("a", 71, "x")));
    reflector.start();
    assertEquals("replace 5 []", told());
    assertEquals("put n/a@71=x", told());
    assertEquals(PATH + "?resourceVersion=0", server.request());
    assertEquals(WATCH + "5&watch=1", server.request());
    assertEquals(WATCH + "70&watch=1", server.request());
  }

  @Test
  void watch_brokenInTheMiddle_goesOnBehindWhatWasWhole() throws InterruptedException {
    server
        .answer(200, list(5))
        .answer(200, event("ADDED", thing("a", 6, "x")) + "{\"type\":\"ADDED\",\"obj")
        .hold(event("MODIFIED", thing("a", 7, "y")));
    reflector.start();
    assertEquals("replace 5 []", told());
    assertEquals("put n/a@6=x", told());
    assertEquals("put n/a@7=y", told());
    var _ = server.request();
    var _ = server.request();
    assertEquals(WATCH + "6&watch=1", server.request());
  }

  @Test
  void watch_versionGone_listsAnewAndNeverBackInTime() throws InterruptedException {
    server
        .answer(200, list(5, thing("a", 3, "x")))
        .answer(200, event("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}"))
        .answer(200, list(90, thing("b", 80, "y")))
        .hold("");
    reflector.start();
    assertEquals("replace 5 [n/a@3=x]", told());
    assertEquals("replace 90 [n/b@80=y]", told());
    var _ = server.request();
    var _ = server.request();
    assertEquals(PATH + "?resourceVersion=5&resourceVersionMatch=NotOlderThan", server.request());
    assertEquals(WATCH + "90&watch=1", server.request());
  }

  @Test
  void watch_refusedAsGone_listsAnew() throws InterruptedException {
    server
        .answer(200, list(5))
        .answer(410, "{\"kind\":\"Status\",\"code\":410,\"message\":\"expired\"}")
        .answer(200, list(90))
        .hold("");
    reflector.start();
    assertEquals("replace 5 []", told());
    assertEquals("replace 90 []", told());
  }

  @Test
  void list_cutOff_isNoList() throws InterruptedException {
    String whole = list(5, thing("a", 3, "x"), thing("b", 4, "y"));
    server
        .answer(200, whole.substring(0, whole.indexOf("\"b\"")))
        .answer(200, "{\"items\":[]}")
        .answer(200, whole)
        .hold("");
    reflector.start();
    assertEquals("problem things: the list ended too early", told());
    assertEquals("replace 5 [n/a@3=x, n/b@4=y]", told());
  }

  @Test
  void objects_unreadable_comeWithTheirProblem() throws InterruptedException {
    server
        .answer(200, list(5, thing("a", 3, "bad"), thing("b", 4, "y")))
        .hold(event("MODIFIED", thing("b", 6, "bad")));
    reflector.start();
    assertEquals("replace 5 [n/a@3=?value: bad, n/b@4=y]", told());
    assertEquals("put n/b@6=?value: bad", told());
  }

  @Test
  void kind_notServed_hasNoObjects() throws InterruptedException {
    server.answer(404, "404 page not found").answer(200, list(5, thing("a", 3, "x"))).hold("");
    reflector.start();
    assertEquals("replace absent []", told());
    assertEquals("replace 5 [n/a@3=x]", told());
  }

  /** A server that starts says so for a moment of all that is defined. */
  @Test
  void watch_kindNotServedForAMoment_goesOnFromWhereItWas() throws InterruptedException {
    server
        .answer(200, list(5, thing("a", 3, "x")))
        .answer(404, "404 page not found")
        .hold(event("MODIFIED", thing("a", 6, "y")));
    reflector.start();
    assertEquals("replace 5 [n/a@3=x]", told());
    assertEquals("problem things: SERVER: 404", told());
    assertEquals("put n/a@6=y", told());
    var _ = server.request();
    assertEquals(WATCH + "5&watch=1", server.request());
    assertEquals(WATCH + "5&watch=1", server.request());
  }

  @Test
  void list_kindNotServedForAMoment_keepsItsObjects() throws InterruptedException {
    server
        .answer(200, list(5, thing("a", 3, "x")))
        .answer(200, event("ERROR", "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}"))
        .answer(404, "<html>404 Not Found</html>")
        .answer(200, list(9, thing("a", 8, "y")))
        .hold("");
    reflector.start();
    assertEquals("replace 5 [n/a@3=x]", told());
    assertEquals("problem things: SERVER: 404", told());
    assertEquals("replace 9 [n/a@8=y]", told());
  }

  @Test
  void list_forbidden_isToldAtOnceInTheServersWords() throws InterruptedException {
    server
        .answer(
            403, "{\"kind\":\"Status\",\"code\":403,\"message\":\"things is forbidden: no\\n\"}")
        .answer(200, list(5))
        .hold("");
    reflector.start();
    assertEquals("problem things: SERVER: 403: things is forbidden: no", told());
    assertEquals("replace 5 []", told());
  }

  @Test
  void object_tooLarge_endsTheStream() throws InterruptedException {
    server
        .answer(200, list(5, thing("a", 3, "x".repeat(3 << 20))))
        .answer(200, list(5, thing("a", 3, "x".repeat(3 << 20))))
        .answer(200, list(6))
        .hold("");
    reflector.start();
    String problem = told();
    assertTrue(
        problem.startsWith("problem things: an object of more than 2097152 bytes")
            || problem.contains("String value length"),
        problem);
    assertEquals("replace 6 []", told());
  }
}
