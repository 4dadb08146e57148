// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.identity.IdentityCollector;
import io.cilium4j.ipam.ClusterPool;
import io.cilium4j.k8s.election.LeaderElection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OperatorOptionsTest {

  private static OperatorConfig config(String... flags) {
    return OperatorOptions.read(List.of(flags), Map.of("CILIUM_CLUSTER_STORE", "/store")).config();
  }

  @Test
  void config_rangesAlone_hasTheFieldsDefaults() {
    assertEquals(
        new OperatorConfig(
            List.of(
                new ClusterPool.Range(IpPrefix.parse("10.0.0.0/8"), 24),
                new ClusterPool.Range(IpPrefix.parse("172.16.0.0/12"), 24),
                new ClusterPool.Range(IpPrefix.parse("fd00::/104"), 120)),
            Optional.empty(),
            IdentityCollector.Config.DEFAULT,
            Duration.ofMinutes(5),
            LeaderElection.Timing.DEFAULT),
        config(
            "--cluster-pool-ipv4-cidr=10.0.0.0/8,172.16.0.0/12",
            "--cluster-pool-ipv6-cidr",
            "fd00::/104",
            "--cluster-pool-ipv6-mask-size=120"));
  }

  @Test
  void config_pools_areReadAsTheFieldWritesThem() {
    OperatorConfig config =
        config(
            "--ipam=multi-pool",
            "--auto-create-cilium-pod-ip-pools=default=ipv4-cidrs:10.10.0.0/16,10.12.0.0/16;"
                + "ipv4-mask-size:24;ipv6-cidrs:fd00::/104;ipv6-mask-size:120,"
                + "green.1=ipv6-cidrs:fd01::/64;ipv6-mask-size:80");
    assertEquals(List.of(), config.ranges());
    assertEquals(
        Optional.of(
            List.of(
                new PodIpPool(
                    "default",
                    blocks(24, "10.10.0.0/16", "10.12.0.0/16"),
                    blocks(120, "fd00::/104"),
                    false,
                    false),
                new PodIpPool("green.1", Optional.empty(), blocks(80, "fd01::/64"), false, false))),
        config.pools());
    assertEquals(Optional.of(List.of()), config("--ipam=multi-pool").pools());
  }

  private static Optional<PodIpPool.Blocks> blocks(int maskSize, String... cidrs) {
    return Optional.of(
        new PodIpPool.Blocks(Stream.of(cidrs).map(IpPrefix::parse).toList(), maskSize));
  }

  @Test
  void config_poolsThatAreNone_areOneLine() {
    for (String pools :
        List.of(
            "x",
            "blue=",
            "blue=ipv4-cidrs:10.0.0.0/16",
            "blue=ipv4-cidrs:10.0.0.1/16;ipv4-mask-size:24",
            "blue=ipv4-cidrs:10.0.0.0/16;ipv4-mask-size:33",
            "blue=ipv4-cidrs:fd00::/16;ipv4-mask-size:24",
            "blue=ipv4-cidrs:10.0.0.0/16;ipv4-mask-size:x",
            "blue=ipv4-cidrs:10.0.0.0/16;ipv4-mask-size:24,blue=ipv4-cidrs:10.1.0.0/16;"
                + "ipv4-mask-size:24",
            "blue=ipv4:10.0.0.0/16",
            "? blue=ipv4-cidrs:10.0.0.0/16;ipv4-mask-size:24")) {
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> config("--ipam=multi-pool", "--auto-create-cilium-pod-ip-pools=" + pools));
      assertEquals(1, String.valueOf(e.getMessage()).lines().count(), pools);
    }
    assertThrows(
        IllegalArgumentException.class,
        () ->
            config(
                "--cluster-pool-ipv4-cidr=10.0.0.0/8",
                "--auto-create-cilium-pod-ip-pools=a=ipv4-cidrs:10.0.0.0/16;ipv4-mask-size:24"));
  }

  @Test
  void config_durations_areReadAsTheFieldWritesThem() {
    OperatorConfig config =
        config(
            "--cluster-pool-ipv4-cidr=10.0.0.0/8",
            "--identity-gc-interval=1h2m3s",
            "--cilium-endpoint-gc-interval=0s");
    assertEquals(Duration.ofHours(1).plusMinutes(2).plusSeconds(3), config.identities().interval());
    assertEquals(Duration.ZERO, config.endpointInterval());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --cluster-pool-ipv4-cidr=10.0.0.1/8 | cluster-pool-ipv4-cidr: prefix 10.0.0.1/8: bits are set
          --cluster-pool-ipv4-cidr=fd00::/64 | cluster-pool-ipv4-cidr: fd00::/64: of the other address family
          --cluster-pool-ipv4-cidr=10.0.0.0/25 | cluster-pool-ipv4-cidr: cluster range 10.0.0.0/25 by /24
          --cluster-pool-ipv4-cidr=10.0.0.0/8,10.1.0.0/16 | cluster ranges 10.0.0.0/8 and 10.1.0.0/16 overlap
          --cluster-id=1 | cluster-pool-ipv4-cidr: missing
          --identity-gc-interval=soon | identity-gc-interval: "soon" (--identity-gc-interval=soon): wanted a duration
          --ipam=eni | ipam: "eni" (--ipam=eni): wanted a value such as cluster-pool
          --no-such=1 | --no-such=1: no such option
          --cluster-id | cluster-id: a value is missing
          """)
  void read_makesNoSense_isOneLine(String flag, String line) {
    var refusal = assertThrows(IllegalArgumentException.class, () -> config(flag));
    assertTrue(String.valueOf(refusal.getMessage()).startsWith(line), refusal.getMessage());
  }

  @Test
  void config_identityIntervalTooShort_isRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> config("--cluster-pool-ipv4-cidr=10.0.0.0/8", "--identity-gc-interval=10s"));
  }

  @Test
  void config_noStore_isRefused() {
    var refusal =
        assertThrows(
            IllegalArgumentException.class,
            () -> OperatorOptions.read(List.of(), Map.of()).config());
    assertTrue(String.valueOf(refusal.getMessage()).startsWith("cluster-store: missing"));
  }

  @Test
  void help_anyOption_isListed() {
    String help = OperatorOptions.help();
    for (String key : OperatorOptions.read(List.of(), Map.of()).values().keySet()) {
      assertTrue(help.contains("--" + key + "  "), key);
    }
  }
}
