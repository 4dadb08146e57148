// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/**
 * Requests that two programs may read differently. Whatever the client sends, the server, which
 * reads as carelessly as it can, sees none but the requests that were decided on: GET and POST of
 * {@code /ok} at the host {@code good}.
 */
@TestInstance(Lifecycle.PER_CLASS)
class SmugglingTest {
  private static final String SMUGGLED = "GET /admin HTTP/1.1\r\nHost: evil\r\n\r\n";

  private RecordingServer server;
  private ProxyHarness harness;

  @BeforeAll
  void start() {
    server = new RecordingServer();
    var rule = new HttpRule("/ok(/.*)?", "GET|POST", "good(:80)?", List.of(), List.of());
    RequestMatcher matcher = ProxyHarness.rules(rule);
    harness = new ProxyHarness(server.address(), matcher);
  }

  @AfterAll
  void stop() throws IOException {
    harness.close();
    server.close();
  }

  /**
   * A case.
   *
   * @param name what it tries
   * @param bytes what the client sends
   * @param status the first answer's status
   * @param reach how many requests reach the server
   */
  private record Case(String name, String bytes, int status, int reach) {}

  private final List<Case> cases = new ArrayList<>();

  private void bad(String name, String bytes) {
    cases.add(new Case(name, bytes, 400, 0));
  }

  private void is(String name, int status, int reach, String bytes) {
    cases.add(new Case(name, bytes, status, reach));
  }

  private void badPost(String name, String headers, String body) {
    bad(name, "POST /ok HTTP/1.1\r\nHost: good\r\n" + headers + "\r\n" + body);
  }

  private void badTarget(String name, String target) {
    bad(name, "GET " + target + " HTTP/1.1\r\nHost: good\r\n\r\n");
  }

  private void badHeader(String name, String lines) {
    bad(name, "GET /ok HTTP/1.1\r\nHost: good\r\n" + lines + "\r\n\r\n" + SMUGGLED);
  }

  private void chunks(String name, String body) {
    badPost(name, "Transfer-Encoding: chunked\r\n", body);
  }

  private void lengths() {
    String chunk = "0\r\n\r\n" + SMUGGLED;
    badPost("both CL and TE", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunk);
    badPost("both TE and CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunk);
    badPost("CL twice, different", "Content-Length: 0\r\nContent-Length: 44\r\n", SMUGGLED);
    badPost("CL twice, alike", "Content-Length: 0\r\nContent-Length: 0\r\n", SMUGGLED);
    badPost("CL list", "Content-Length: 0, 44\r\n", SMUGGLED);
    badPost("CL list, alike", "Content-Length: 3, 3\r\n", "abc");
    badPost("CL with plus", "Content-Length: +3\r\n", "abc");
    badPost("CL negative", "Content-Length: -1\r\n", SMUGGLED);
    badPost("CL hexadecimal", "Content-Length: 0x3\r\n", "abc");
    badPost("CL empty", "Content-Length:\r\n", SMUGGLED);
    badPost("CL with space inside", "Content-Length: 1 2\r\n", "abc");
    badPost("CL beyond a long", "Content-Length: 18446744073709551619\r\n", "abc");
    badPost("CL of 19 digits", "Content-Length: 9223372036854775808\r\n", "abc");
    badPost("CL with fraction", "Content-Length: 3.0\r\n", "abc");
    badPost("CL with other digits", "Content-Length: \u00b2\r\n", "abc");
    badPost("CL folded", "Content-Length:\r\n 3\r\n", "abc");
    badPost("CL with space before colon", "Content-Length : 3\r\n", "abc");
    badPost("CL with vertical tab", "Content-Length: \u000b3\r\n", "abc");
    is(
        "CL in lower case",
        200,
        1,
        "POST /ok HTTP/1.1\r\nhost: good\r\ncontent-length: 3\r\n\r\nabc");
    is(
        "body that looks like a request",
        200,
        1,
        "POST /ok HTTP/1.1\r\nHost: good\r\nContent-Length: "
            + SMUGGLED.length()
            + "\r\n\r\n"
            + SMUGGLED);
    is(
        "second request behind a body",
        200,
        1,
        "POST /ok HTTP/1.1\r\nHost: good\r\nContent-Length: 3\r\n\r\nabc" + SMUGGLED);
    is(
        "GET with body",
        200,
        1,
        "GET /ok HTTP/1.1\r\nHost: good\r\nContent-Length: 3\r\n\r\nabc" + SMUGGLED);
  }

  private void encodings() {
    for (String value :
        List.of(
            "xchunked",
            "chunked, identity",
            "identity, chunked",
            "identity",
            "gzip, chunked",
            "chunked, chunked",
            "\"chunked\"",
            "chunked;q=1",
            "",
            "chunked ,",
            "\u000bchunked",
            "chun\u0000ked",
            "cow")) {
      badPost("TE " + value, "Transfer-Encoding: " + value + "\r\n", "0\r\n\r\n" + SMUGGLED);
    }
    String chunk = "0\r\n\r\n" + SMUGGLED;
    badPost("TE with space before colon", "Transfer-Encoding : chunked\r\n", chunk);
    badPost("TE with tab before colon", "Transfer-Encoding\t: chunked\r\n", chunk);
    badPost("TE folded", "Transfer-Encoding:\r\n chunked\r\n", chunk);
    badPost("TE twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", chunk);
    badPost("TE behind a folded line", "X: y\r\n Transfer-Encoding: chunked\r\n", chunk);
    badPost("TE behind a bare LF", "X: y\nTransfer-Encoding: chunked\r\n", chunk);
    badPost("TE behind a bare CR", "X: y\rTransfer-Encoding: chunked\r\n", chunk);
    badPost(
        "TE removed by Connection",
        "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
        chunk);
    badPost(
        "CL removed by Connection", "Connection: content-length\r\nContent-Length: 3\r\n", "abc");
    badPost("Host removed by Connection", "Connection: close, host\r\n", "");
    bad(
        "TE in HTTP/1.0",
        "POST /ok HTTP/1.0\r\nHost: good\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    is(
        "TE in another case",
        200,
        1,
        "POST /ok HTTP/1.1\r\nHost: good\r\ntransfer-encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
            + SMUGGLED);
  }

  private void chunkSizes() {
    chunks("chunk size with 0x", "0x3\r\nabc\r\n0\r\n\r\n");
    chunks("chunk size with plus", "+3\r\nabc\r\n0\r\n\r\n");
    chunks("chunk size negative", "-3\r\nabc\r\n0\r\n\r\n");
    chunks("chunk size with space before", " 3\r\nabc\r\n0\r\n\r\n");
    chunks("chunk size with space behind", "3 \r\nabc\r\n0\r\n\r\n");
    chunks("chunk size of 16 digits", "0000000000000003\r\nabc\r\n0\r\n\r\n");
    chunks("chunk size beyond a long", "10000000000000003\r\nabc\r\n0\r\n\r\n");
    chunks("chunk size empty", "\r\nabc\r\n0\r\n\r\n");
    chunks("chunk size no number", "xyz\r\nabc\r\n0\r\n\r\n");
    chunks("chunk size ended by LF", "3\nabc\r\n0\r\n\r\n");
    chunks("chunk size ended by CR", "3\rabc\r\n0\r\n\r\n");
    chunks("chunk longer than it says", "3\r\nabcd\r\n0\r\n\r\n");
    chunks("chunk ended by LF", "3\r\nabc\n0\r\n\r\n");
    chunks("extension with LF", "3;a\nb\r\nabc\r\n0\r\n\r\n");
    chunks("extension with CR", "3;a\rb\r\nabc\r\n0\r\n\r\n");
    chunks("extension with NUL", "3;a=\u0000\r\nabc\r\n0\r\n\r\n");
    chunks("extension with quoted line", "3;a=\"x\r\nabc\r\n0\r\n\r\n");
    chunks("extension without end", "3;" + "a".repeat(1000) + "\r\nabc\r\n0\r\n\r\n");
    chunks("trailer of framing", "0\r\nContent-Length: 3\r\n\r\nabc");
    chunks("trailer of encoding", "0\r\nTransfer-Encoding: chunked\r\n\r\n" + SMUGGLED);
    chunks("trailer of Host", "0\r\nHost: evil\r\n\r\n");
    chunks("trailer folded", "0\r\nX: 1\r\n 2\r\n\r\n");
    chunks("trailer with bare LF", "0\r\nX: 1\nY: 2\r\n\r\n");
    is(
        "extension is dropped",
        200,
        1,
        "POST /ok HTTP/1.1\r\nHost: good\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3;a=b\r\nabc\r\n0;c\r\n\r\n"
            + SMUGGLED);
  }

  private void lines() {
    bad("bare LF", "GET /ok HTTP/1.1\nHost: good\n\n");
    bad("bare LF at the end", "GET /ok HTTP/1.1\r\nHost: good\r\n\n");
    bad("bare CR in the line", "GET /ok HTTP/1.1\rX\r\nHost: good\r\n\r\n");
    badHeader("obs-fold", "X: a\r\n b");
    badHeader("obs-fold by tab", "X: a\r\n\tb");
    bad("folded first header", "GET /ok HTTP/1.1\r\n X: a\r\nHost: good\r\n\r\n");
    badHeader("NUL in value", "X: a\u0000b");
    badHeader("NUL in name", "X\u0000: a");
    badHeader("DEL in value", "X: a\u007fb");
    badHeader("CR in value", "X: a\rb");
    badHeader("space in name", "X Y: a");
    badHeader("space behind name", "X : a");
    badHeader("empty name", ": a");
    badHeader("no colon", "X");
    badHeader("name with slash", "X/Y: a");
    badHeader("name beyond ASCII", "X\u00e9: a");
    bad("two spaces", "GET  /ok HTTP/1.1\r\nHost: good\r\n\r\n");
    bad("tab for space", "GET\t/ok\tHTTP/1.1\r\nHost: good\r\n\r\n");
    bad("space at the end", "GET /ok HTTP/1.1 \r\nHost: good\r\n\r\n");
    bad("space in path", "GET /ok x HTTP/1.1\r\nHost: good\r\n\r\n");
    bad("no version", "GET /ok\r\nHost: good\r\n\r\n");
    bad("version in lower case", "GET /ok http/1.1\r\nHost: good\r\n\r\n");
    is("HTTP/1.2", 505, 0, "GET /ok HTTP/1.2\r\nHost: good\r\n\r\n");
    is("HTTP/2.0 in a line", 505, 0, "GET /ok HTTP/2.0\r\nHost: good\r\n\r\n");
    bad("version with more digits", "GET /ok HTTP/1.10\r\nHost: good\r\n\r\n");
    bad("method with colon", "GE:T /ok HTTP/1.1\r\nHost: good\r\n\r\n");
    is("method in lower case", 403, 0, "get /ok HTTP/1.1\r\nHost: good\r\n\r\n");
    is(
        "method override is a header",
        200,
        1,
        "GET /ok HTTP/1.1\r\nHost: good\r\nX-HTTP-Method-Override: DELETE\r\n\r\n");
    is("empty line before", 200, 1, "\r\nGET /ok HTTP/1.1\r\nHost: good\r\n\r\n");
    bad("NUL before", "\u0000GET /ok HTTP/1.1\r\nHost: good\r\n\r\n");
    is(
        "too many headers",
        431,
        0,
        "GET /ok HTTP/1.1\r\nHost: good\r\n" + "X: a\r\n".repeat(200) + "\r\n");
    is(
        "too long a head",
        431,
        0,
        "GET /ok HTTP/1.1\r\nHost: good\r\nX: " + "a".repeat(100_000) + "\r\n\r\n");
    is("too long a line", 431, 0, "GET /ok" + "a".repeat(100_000));
  }

  private void targets() {
    badTarget("dot segments", "/ok/../admin");
    badTarget("dot segment at the end", "/ok/..");
    badTarget("single dot segment", "/ok/./x");
    badTarget("encoded dots", "/ok/%2e%2e/admin");
    badTarget("half encoded dots", "/ok/.%2E/admin");
    badTarget("dots with parameters", "/ok/..;a=b/admin");
    badTarget("dots with encoded parameters", "/ok/..%3b/admin");
    badTarget("encoded slash", "/ok/..%2fadmin");
    badTarget("encoded slash alone", "/ok/a%2Fb");
    badTarget("encoded backslash", "/ok/..%5cadmin");
    badTarget("backslash", "/ok/..\\admin");
    badTarget("encoded NUL", "/ok/%00");
    badTarget("half an escape", "/ok/%2");
    badTarget("no escape", "/ok/%zz");
    badTarget("overlong UTF-8", "/ok/\u00c0\u00ae\u00c0\u00ae/admin");
    badTarget("fragment", "/ok#/admin");
    badTarget("no slash", "ok");
    badTarget("asterisk", "*");
    badTarget("authority", "good:80");
    badTarget("absolute form of another host", "http://evil/ok");
    badTarget("absolute form with user", "http://good@evil/ok");
    badTarget("absolute form with user and host", "http://user:pw@good/ok");
    badTarget("absolute form of another scheme", "https://good/ok");
    badTarget("absolute form of a file", "file:///ok");
    badTarget("absolute form without host", "http:///ok");
    badTarget("absolute form with another port", "http://good:81/ok");
    is("absolute form", 200, 1, "GET http://GOOD/ok HTTP/1.1\r\nHost: good\r\n\r\n");
    is(
        "absolute form with other path",
        403,
        0,
        "GET http://good/admin HTTP/1.1\r\nHost: good\r\n\r\n");
    is("two slashes", 403, 0, "GET //ok HTTP/1.1\r\nHost: good\r\n\r\n");
    is(
        "encoded overlong UTF-8 is a name",
        200,
        1,
        "GET /ok/%c0%ae%c0%ae/x HTTP/1.1\r\nHost: good\r\n\r\n");
    is("dots in the query", 403, 0, "GET /admin?/../ok HTTP/1.1\r\nHost: good\r\n\r\n");
    is("CRLF encoded stays encoded", 200, 1, "GET /ok/%0d%0aX:%20y HTTP/1.1\r\nHost: good\r\n\r\n");
  }

  private void hosts() {
    bad("no Host", "GET /ok HTTP/1.1\r\n\r\n");
    bad("two Hosts", "GET /ok HTTP/1.1\r\nHost: good\r\nHost: evil\r\n\r\n");
    bad("two equal Hosts", "GET /ok HTTP/1.1\r\nHost: good\r\nHost: good\r\n\r\n");
    bad("empty Host", "GET /ok HTTP/1.1\r\nHost:\r\n\r\n");
    bad("Host with user", "GET /ok HTTP/1.1\r\nHost: good@evil\r\n\r\n");
    bad("Host with path", "GET /ok HTTP/1.1\r\nHost: good/evil\r\n\r\n");
    bad("Host list", "GET /ok HTTP/1.1\r\nHost: good, evil\r\n\r\n");
    bad("Host with space", "GET /ok HTTP/1.1\r\nHost: good evil\r\n\r\n");
    bad("Host with space before colon", "GET /ok HTTP/1.1\r\nHost : good\r\n\r\n");
    bad("Host folded", "GET /ok HTTP/1.1\r\nHost: good\r\n evil\r\n\r\n");
    bad("Host with bad port", "GET /ok HTTP/1.1\r\nHost: good:99999\r\n\r\n");
    bad("Host with words for port", "GET /ok HTTP/1.1\r\nHost: good:80x\r\n\r\n");
    is("Host denied", 403, 0, "GET /ok HTTP/1.1\r\nHost: evil\r\n\r\n");
    is(
        "X-Forwarded-Host is a header",
        200,
        1,
        "GET /ok HTTP/1.1\r\nHost: good\r\nX-Forwarded-Host: evil\r\n\r\n");
    bad("CONNECT to another Host", "CONNECT evil:80 HTTP/1.1\r\nHost: good\r\n\r\n");
    bad("CONNECT with path", "CONNECT /ok HTTP/1.1\r\nHost: good\r\n\r\n");
    bad(
        "CONNECT with content",
        "CONNECT good:80 HTTP/1.1\r\nHost: good:80\r\nContent-Length: 3\r\n\r\nabc");
    is("CONNECT denied", 403, 0, "CONNECT good:80 HTTP/1.1\r\nHost: good:80\r\n\r\n" + SMUGGLED);
    is(
        "h2c upgrade is no upgrade",
        200,
        1,
        "GET /ok HTTP/1.1\r\nHost: good\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
            + "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
            + SMUGGLED);
    is(
        "upgrade that the server does not grant",
        200,
        1,
        "GET /ok HTTP/1.1\r\nHost: good\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            + SMUGGLED);
  }

  @TestFactory
  Stream<DynamicTest> bytes_readTwoWays_reachTheServerAsDecided() {
    lengths();
    encodings();
    chunkSizes();
    lines();
    targets();
    hosts();
    assertTrue(cases.size() >= 80, cases.size() + " cases");
    return cases.stream().map(each -> DynamicTest.dynamicTest(each.name(), () -> run(each)));
  }

  private void run(Case each) throws IOException {
    int before = server.requests().size();
    String answer = harness.exchange(each.bytes());
    assertTrue(answer.startsWith("HTTP/1.1 " + each.status() + " "), "answer: " + answer);
    List<RecordingServer.Seen> seen = server.requests().subList(before, server.requests().size());
    for (RecordingServer.Seen request : seen) {
      assertTrue(
          request.line().matches("(GET|POST) /ok(/[^ ]*)? HTTP/1\\.1")
              && request.header("Host").equals("good")
              && request.header("Upgrade").replace("websocket", "").isEmpty(),
          () -> "reached the server: " + request);
    }
    assertEquals(each.reach(), seen.size(), () -> "reached the server: " + seen);
  }
}
