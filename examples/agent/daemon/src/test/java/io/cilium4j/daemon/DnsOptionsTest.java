// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.DnsConfig;
import io.cilium4j.datapath.proxy.DnsLimits;
import io.cilium4j.datapath.proxy.DnsLimits.Refusal;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DnsOptionsTest {

  private static DnsConfig read(String... flags) {
    return DnsOptions.read(DaemonSettings.read(List.of(flags), Map.of()));
  }

  @Test
  void read_ofDefaults_isTheLibrarysOwn() {
    assertEquals(DnsConfig.DEFAULT, read());
  }

  @Test
  void read_ofEachOption_isWhatItSays() {
    assertEquals(
        new DnsConfig(
            new DnsLimits(
                Refusal.NAME_ERROR, Duration.ofMillis(1_500), Duration.ofSeconds(3), 7, 7),
            Duration.ofSeconds(60),
            5,
            6,
            Duration.ofMinutes(90)),
        read(
            "--tofqdns-dns-reject-response-code=nameError",
            "--tofqdns-proxy-response-max-delay=1s500ms",
            "--dnsproxy-socket-linger-timeout=3",
            "--dnsproxy-concurrency-limit=7",
            "--tofqdns-min-ttl=60",
            "--tofqdns-endpoint-max-ip-per-hostname=5",
            "--tofqdns-max-deferred-connection-deletes=6",
            "--tofqdns-idle-connection-grace-period=1h30m"));
  }

  /** As a configuration for Cilium has them. */
  @Test
  void read_ofWhatNeedsNothingHere_isTaken() {
    assertEquals(
        DnsConfig.DEFAULT,
        read(
            "--tofqdns-preallocate-identities=true",
            "--dns-max-ips-per-restored-rule=50",
            "--dnsproxy-concurrency-processing-grace-period=0",
            "--dns-policy-unload-on-shutdown=false",
            "--tofqdns-pre-cache="));
  }

  @Test
  void read_ofAnOptionThatIsNotBuilt_saysSo() {
    OptionException e =
        assertThrows(OptionException.class, () -> read("--tofqdns-pre-cache=/tmp/names.json"));
    assertEquals(
        "tofqdns-pre-cache: \"/tmp/names.json\" from --tofqdns-pre-cache is not built yet; wanted"
            + " nothing",
        e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "tofqdns-dns-reject-response-code, servfail",
    "tofqdns-proxy-response-max-delay, 6s",
    "tofqdns-proxy-response-max-delay, 100",
    "tofqdns-min-ttl, -1",
    "tofqdns-endpoint-max-ip-per-hostname, 0",
    "tofqdns-endpoint-max-ip-per-hostname, 10001",
    "tofqdns-idle-connection-grace-period, soon",
    "dnsproxy-socket-linger-timeout, 0",
    "dnsproxy-concurrency-limit, 99999999",
    "tofqdns-proxy-port, 5353",
    "tofqdns-enable-dns-compression, false",
    "dnsproxy-concurrency-processing-grace-period, 1s",
    "dns-policy-unload-on-shutdown, true",
    "enable-standalone-dns-proxy, true",
    "tofqdns-pre-cache, /tmp/names.json"
  })
  void read_ofAWrongValue_saysWhatIsWantedInOneLine(String option, String value) {
    OptionException e =
        assertThrows(OptionException.class, () -> read("--" + option + "=" + value));
    String message = String.valueOf(e.getMessage());
    assertEquals(1, message.lines().count(), message);
    assertTrue(message.startsWith(option + ": "), message);
  }
}
