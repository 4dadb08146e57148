// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static io.cilium4j.datapath.proxy.Redaction.REDACTED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Set;
import org.junit.jupiter.api.Test;

class RedactionTest {
  private static final Set<String> NONE = Set.of();

  @Test
  void header_redactionOff_hidesCredentialsAlone() {
    // What is named counts only where redaction is on.
    var off = new Redaction(false, true, Set.of("authorization"), NONE);
    assertEquals(REDACTED, off.header("Authorization", "Bearer abc"));
    assertEquals("curl", off.header("User-Agent", "curl"));
    assertEquals("/a?b=c", off.path("/a?b=c"));
  }

  @Test
  void header_redactionOn_hidesAll() {
    var on = new Redaction(true, false, NONE, NONE);
    assertEquals(REDACTED, on.header("User-Agent", "curl"));
    assertEquals("/a?b=c", on.path("/a?b=c"));
  }

  @Test
  void header_shownByName_isToldInAnyCaseAndNoOther() {
    var shown = new Redaction(true, false, Set.of("User-Agent", "X-Session"), NONE);
    assertEquals("curl", shown.header("user-AGENT", "curl"));
    assertEquals("7", shown.header("X-Session", "7"));
    assertEquals(REDACTED, shown.header("Accept", "*/*"));
  }

  @Test
  void header_hiddenByName_isHiddenBesideCredentials() {
    var hidden = new Redaction(true, false, NONE, Set.of("X-Tenant"));
    assertEquals(REDACTED, hidden.header("x-tenant", "acme"));
    assertEquals(REDACTED, hidden.header("Cookie", "id=7"));
    assertEquals("*/*", hidden.header("Accept", "*/*"));
  }

  @Test
  void header_urlWithPassword_isToldWithoutIt() {
    assertEquals(
        "http://" + REDACTED + "@a/b",
        Redaction.CREDENTIALS.header("Referer", "http://me:secret@a/b"));
    assertEquals("me@a", Redaction.CREDENTIALS.header("From", "me@a"));
    assertEquals("http://" + REDACTED + "@a/b", Redaction.CREDENTIALS.path("http://me:secret@a/b"));
  }

  @Test
  void path_queryHidden_endsBeforeIt() {
    var query = new Redaction(true, true, NONE, NONE);
    assertEquals("/a", query.path("/a?token=b"));
    assertEquals("/a", query.path("/a"));
  }

  @Test
  void headers_bothShownAndHidden_areRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> new Redaction(true, false, Set.of("a"), Set.of("b")));
  }
}
