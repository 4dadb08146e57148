// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.dns;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.core.IpAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is kept of names over a restart. */
class NamesFileTest {

  @Test
  void file_writtenAndRead_saysTheSame() {
    Instant at = Instant.ofEpochSecond(1_000);
    var first = DnsCache.Told.now(at, Duration.ofSeconds(30));
    var second = new DnsCache.Told(at, Duration.ZERO, Optional.of(at.plusSeconds(5)));
    var file =
        new NamesFile(
            Map.of(
                new DnsCache.Key(7, "a.test."),
                new DnsCache.Answer(
                    Map.of(
                        IpAddress.parse("192.0.2.1"), first,
                        IpAddress.parse("2001:db8::1"), second))),
            Map.of(
                IpAddress.parse("192.0.2.1"),
                Set.of(NameSelectors.label("*.test"), NameSelectors.label("a.test"))));
    assertEquals(file, NamesFile.read(file.write()));
  }

  @Test
  void change_ofWhatIsKnownNoMore_isReadAsItWasWritten() {
    var change =
        new NamesFile(
            Map.of(new DnsCache.Key(7, "a.test."), new DnsCache.Answer(Map.of())),
            Map.of(IpAddress.parse("192.0.2.1"), Set.of()));
    byte[] line = change.write();
    assertEquals(change, NamesFile.read(line));
    assertEquals(1, new String(line, StandardCharsets.UTF_8).lines().count());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{\"version\": 2, \"answers\": [], \"labels\": {}}",
        "{\"version\": 1, \"answers\": []}",
        "{\"version\": 1, \"answers\": [], \"labels\": {}} {}",
        "{\"version\": 1, \"answers\": [{\"endpoint\": 0, \"name\": \"a.\", \"addresses\": []}],"
            + " \"labels\": {}}",
        "{\"version\": 1, \"answers\": [{\"endpoint\": 4294967297, \"name\": \"a.\", \"addresses\":"
            + " []}], \"labels\": {}}",
        "{\"version\": 1, \"answers\": [{\"endpoint\": 1, \"name\": \"\", \"addresses\": []}],"
            + " \"labels\": {}}",
        "{\"version\": 1, \"answers\": [{\"endpoint\": 1, \"name\": \"a.\", \"addresses\":"
            + " [{\"ip\": \"x\", \"at\": 1, \"ttl\": 1}]}], \"labels\": {}}",
        "{\"version\": 1, \"answers\": [{\"endpoint\": 1, \"name\": \"a.\", \"addresses\":"
            + " [{\"ip\": \"192.0.2.1\", \"at\": 9223372036854775807, \"ttl\": 1}]}], \"labels\":"
            + " {}}",
        "{\"version\": 1, \"answers\": [{\"endpoint\": 1, \"name\": \"a.\", \"addresses\":"
            + " [{\"ip\": \"192.0.2.1\", \"at\": 1, \"ttl\": -1}]}], \"labels\": {}}",
        "{\"version\": 1, \"answers\": [], \"labels\": {\"192.0.2.1\": [7]}}"
      })
  void file_thatIsDamaged_isRefusedInOneLine(String text) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> NamesFile.read(text.getBytes(StandardCharsets.UTF_8)));
    assertEquals(1, String.valueOf(e.getMessage()).lines().count());
  }
}
