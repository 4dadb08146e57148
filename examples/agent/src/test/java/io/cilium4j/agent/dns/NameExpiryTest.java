// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.dns;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Datapath.Peer;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** How long the address of a name counts. */
class NameExpiryTest {

  private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final IpAddress FIRST = IpAddress.parse("192.0.2.1");
  private static final IpAddress SECOND = IpAddress.parse("2001:db8::2");
  private static final IpAddress THIRD = IpAddress.parse("192.0.2.3");
  private static final DnsCache.Key NAME = new DnsCache.Key(1, "a.test.");
  private static final DnsCache.Key OTHER = new DnsCache.Key(1, "b.test.");

  private final DnsCache cache = new DnsCache();
  private final Set<Peer> connections = new HashSet<>();

  private NameExpiry expiry(Duration grace, int mostKept) {
    return expiry(grace, 100, mostKept);
  }

  private NameExpiry expiry(Duration grace, int mostOfName, int mostKept) {
    var limits = new NameExpiry.Limits(grace, mostOfName, mostKept);
    return new NameExpiry(cache, _ -> connections, id -> id < 10, limits);
  }

  private void learn(DnsCache.Key key, Duration timeToLive, Instant at, IpAddress... addresses) {
    cache.learn(key, List.of(addresses), timeToLive, at, 100);
  }

  private Set<IpAddress> known(DnsCache.Key key) {
    return new TreeSet<>(
        cache.answers().get(key).map(DnsCache.Answer::addresses).orElse(Map.of()).keySet());
  }

  private DnsCache.Told told() {
    return Objects.requireNonNull(cache.answers().get(NAME).orElseThrow().addresses().get(FIRST));
  }

  @Test
  void address_whoseTimeIsOver_goesWithTheSecondLook() {
    var expiry = expiry(Duration.ZERO, 100);
    learn(NAME, MINUTE, START, FIRST);
    expiry.collect(START.plusSeconds(59));
    assertTrue(told().keptSince().isEmpty());
    expiry.collect(START.plusSeconds(61));
    assertEquals(Set.of(FIRST), known(NAME), "a connection may have just begun");
    expiry.collect(START.plusSeconds(121));
    assertEquals(Set.of(), known(NAME));
    assertEquals(1, expiry.deletions());
    assertEquals(List.of(), DnsCache.namesOf(cache.answers().snapshot(), FIRST));
  }

  @Test
  void address_thatAConnectionUses_staysForAsLongAsItDoes() {
    var expiry = expiry(Duration.ZERO, 100);
    learn(NAME, MINUTE, START, FIRST);
    learn(OTHER, MINUTE, START, SECOND);
    connections.add(new Peer(1, FIRST));
    connections.add(new Peer(2, SECOND));
    expiry.collect(START.plusSeconds(61));
    expiry.collect(START.plusSeconds(121));
    expiry.collect(START.plusSeconds(3600));
    assertEquals(Set.of(FIRST), known(NAME));
    assertEquals(Set.of(), known(OTHER), "another endpoint's connection keeps nothing");
    assertEquals(Map.of(1, 1L), expiry.alive());
    connections.clear();
    expiry.collect(START.plusSeconds(3660));
    assertEquals(Set.of(), known(NAME));
  }

  /** A program that has resolved a name once goes on to its next address. */
  @Test
  void address_ofANameThatAConnectionUses_staysToo() {
    var expiry = expiry(Duration.ZERO, 100);
    var elsewhere = new DnsCache.Key(2, "a.test.");
    learn(NAME, MINUTE, START, FIRST, SECOND);
    learn(OTHER, MINUTE, START, FIRST, THIRD);
    learn(new DnsCache.Key(1, "c.test."), MINUTE, START, THIRD);
    learn(elsewhere, MINUTE, START, FIRST, SECOND);
    connections.add(new Peer(1, FIRST));
    for (int look = 1; look < 10; look++) {
      expiry.collect(START.plusSeconds(61L * look));
    }
    assertEquals(Set.of(FIRST, SECOND), known(NAME));
    assertEquals(Set.of(FIRST, THIRD), known(OTHER), "each name that the address has");
    assertEquals(Set.of(), known(new DnsCache.Key(1, "c.test.")));
    assertEquals(Set.of(), known(elsewhere));
    assertEquals(Map.of(1, 1L), expiry.alive());
    connections.clear();
    expiry.collect(START.plusSeconds(3600));
    assertEquals(Set.of(), known(NAME));
    assertEquals(Set.of(), known(OTHER));
  }

  @Test
  void addresses_ofANameThatAConnectionUses_areNoMoreThanANameMayHave() {
    var expiry = expiry(Duration.ZERO, 2, 100);
    learn(NAME, MINUTE, START, FIRST, SECOND);
    connections.add(new Peer(1, FIRST));
    expiry.collect(START.plusSeconds(61));
    assertEquals(Set.of(FIRST, SECOND), known(NAME));
    learn(NAME, MINUTE, START.plusSeconds(62), THIRD);
    expiry.collect(START.plusSeconds(121));
    assertEquals(Set.of(FIRST, THIRD), known(NAME));
    expiry.collect(START.plusSeconds(181));
    expiry.collect(START.plusSeconds(241));
    assertEquals(Set.of(FIRST, THIRD), known(NAME), "kept as it may be used no more");
  }

  @Test
  void address_thatIsToldAgain_mayBeUsedAgain() {
    var expiry = expiry(Duration.ZERO, 100);
    learn(NAME, MINUTE, START, FIRST);
    expiry.collect(START.plusSeconds(61));
    learn(NAME, MINUTE, START.plusSeconds(70), FIRST);
    expiry.collect(START.plusSeconds(121));
    expiry.collect(START.plusSeconds(125));
    assertEquals(Set.of(FIRST), known(NAME));
  }

  @Test
  void address_toldForAShorterTime_keepsTheLaterEnd() {
    learn(NAME, Duration.ofHours(1), START, FIRST);
    learn(NAME, MINUTE, START.plusSeconds(1), FIRST);
    assertEquals(START.plusSeconds(3600), told().expiry());
  }

  @Test
  void addresses_moreThanAnEndpointMayKeep_goThoseFirstThatWereKeptFirst() {
    var expiry = expiry(Duration.ofHours(1), 1);
    learn(NAME, MINUTE, START, FIRST);
    expiry.collect(START.plusSeconds(61));
    learn(NAME, MINUTE, START, SECOND);
    expiry.collect(START.plusSeconds(121));
    expiry.collect(START.plusSeconds(181));
    assertEquals(Set.of(SECOND), known(NAME));
  }

  @Test
  void addresses_moreThanAnEndpointMayKeep_goThoseFirstThatNoConnectionUses() {
    var expiry = expiry(Duration.ofHours(1), 2);
    learn(NAME, MINUTE, START, FIRST);
    expiry.collect(START.plusSeconds(61));
    learn(OTHER, MINUTE, START, SECOND);
    learn(NAME, MINUTE, START, THIRD);
    connections.add(new Peer(1, FIRST));
    expiry.collect(START.plusSeconds(121));
    expiry.collect(START.plusSeconds(181));
    assertEquals(Set.of(FIRST, THIRD), known(NAME), "in use for the longest time");
    assertEquals(Set.of(), known(OTHER));
  }

  @Test
  void addresses_moreThanANameMayHave_areKeptForConnectionsAlone() {
    for (int i = 0; i < 5; i++) {
      cache.learn(NAME, List.of(IpAddress.parse("192.0.2." + i)), MINUTE, START.plusSeconds(i), 3);
    }
    assertEquals(5, known(NAME).size());
    expiry(Duration.ZERO, 100).collect(START.plusSeconds(10));
    assertEquals(
        Set.of("192.0.2.2", "192.0.2.3", "192.0.2.4"),
        new TreeSet<>(known(NAME).stream().map(IpAddress::toString).toList()));
  }

  @Test
  void names_ofEndpointsThatAreNoMore_areForgotten() {
    learn(new DnsCache.Key(11, "a.test."), Duration.ofHours(1), START, FIRST);
    learn(NAME, Duration.ofHours(1), START, FIRST);
    expiry(Duration.ZERO, 100).collect(START);
    assertEquals(Set.of(), known(new DnsCache.Key(11, "a.test.")));
    assertEquals(Set.of(FIRST), known(NAME));
  }

  @Test
  void names_moreThanAnEndpointMayHave_goThoseFirstThatWereAskedForLongestAgo() {
    for (int i = 0; i < 10_001; i++) {
      learn(new DnsCache.Key(1, "n" + i + ".test."), Duration.ofHours(1), START, FIRST);
    }
    assertEquals(Set.of(), known(new DnsCache.Key(1, "n0.test.")));
    assertEquals(Set.of(FIRST), known(new DnsCache.Key(1, "n1.test.")));
    assertEquals(10_000, cache.answers().snapshot().size());
  }
}
