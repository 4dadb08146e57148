// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.spi.DatapathProvider.Tracing;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TracingOptionsTest {

  private static Tracing read(String... flags) {
    return TracingOptions.read(DaemonSettings.read(List.of(flags), Map.of()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "disabled", "lowest", "low"})
  void read_levelsBelowMedium_reportEveryPacket(String level) {
    assertEquals(Tracing.EVERYTHING, read("--monitor-aggregation=" + level));
  }

  @ParameterizedTest
  @CsvSource({"5s,5", "0s,0", "1m,60", "1h2m3s,3723"})
  void read_interval_isInSeconds(String interval, int seconds) {
    assertEquals(
        Tracing.each(seconds),
        read("--monitor-aggregation=maximum", "--monitor-aggregation-interval=" + interval));
  }

  @Test
  void read_nothingSaid_isOnceInFiveSeconds() {
    assertEquals(Tracing.each(5), read());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "5", "s", "-1s", "5s1m"})
  void read_whatIsNoDuration_isRefused(String interval) {
    assertThrows(OptionException.class, () -> read("--monitor-aggregation-interval=" + interval));
  }

  @Test
  void read_unknownLevel_isRefused() {
    assertThrows(OptionException.class, () -> read("--monitor-aggregation=most"));
  }
}
