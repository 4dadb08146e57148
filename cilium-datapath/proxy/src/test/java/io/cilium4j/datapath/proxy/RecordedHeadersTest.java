// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.datapath.proxy.AccessRecord.Header;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecordedHeadersTest {

  @Test
  void of_headersOfARequest_haveNamesOfOneFormAndNoSecrets() {
    HttpHeaders headers =
        new DefaultHttpHeaders()
            .add("Host", "web")
            .add("user-AGENT", "curl")
            .add("authorization", "Bearer abc")
            .add("Cookie", "id=7")
            .add("X-Api-Key", "k")
            .add("x-request-id", "1");
    assertEquals(
        List.of(
            new Header("User-Agent", "curl"),
            new Header("Authorization", "HUBBLE_REDACTED"),
            new Header("Cookie", "HUBBLE_REDACTED"),
            new Header("X-Api-Key", "HUBBLE_REDACTED"),
            new Header("X-Request-Id", "1")),
        RecordedHeaders.of(headers, Redaction.CREDENTIALS));
  }

  @Test
  void of_http2_leavesThePseudoHeadersOut() {
    var headers = new DefaultHttp2Headers().method("GET").path("/").add("accept", "*/*");
    assertEquals(
        List.of(new Header("Accept", "*/*")), RecordedHeaders.of(headers, Redaction.CREDENTIALS));
  }

  @Test
  void of_manyAndLong_areBounded() {
    HttpHeaders headers = new DefaultHttpHeaders();
    for (int i = 0; i < 40; i++) {
      headers.add("x-" + i, "v".repeat(300));
    }
    List<Header> recorded = RecordedHeaders.of(headers, Redaction.CREDENTIALS);
    assertEquals(RecordedHeaders.MOST, recorded.size());
    assertEquals(RecordedHeaders.MOST_CHARS, recorded.getFirst().value().length());
  }
}
