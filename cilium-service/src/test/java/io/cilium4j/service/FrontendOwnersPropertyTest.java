// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.Row.FrontendKey;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** What came first does not matter, and neither does what was there once. */
class FrontendOwnersPropertyTest {
  private static final int STEPS = 60;

  /** What is there now: an object, or a service of the API. */
  private final Map<ResourceKey, RawResource> objects = new HashMap<>();

  private final Map<Long, TestServices.Request> given = new HashMap<>();

  /** Few names and addresses, so that quarrels and moves are many. */
  private static RawResource object(Random random) {
    if (random.nextInt(3) > 0) {
      return TestServices.slice(
          "slice-" + random.nextInt(6),
          "s" + random.nextInt(4),
          random.nextBoolean()
              ? "addressType: IPv4, ports: [{port: %d}, {name: b, port: 9}], endpoints: [{addresses: [10.1.0.%d], conditions: {ready: %s, serving: true, terminating: true}}, {addresses: [10.1.0.%d], nodeName: node-%d}]"
                  .formatted(
                      1 + random.nextInt(2),
                      1 + random.nextInt(4),
                      random.nextBoolean(),
                      random.nextInt(5),
                      random.nextInt(2))
              : "addressType: IPv6, ports: [{port: 1}], endpoints: [{addresses: [\"fd00::%d\"]}]"
                  .formatted(random.nextInt(4)));
    }
    return TestServices.service(
        "s" + random.nextInt(4),
        "clusterIPs: [%s, \"fd00:96::%d\"], internalTrafficPolicy: %s, ports: [{port: %d}, {name: b, port: %d}]"
            .formatted(
                random.nextInt(4) == 0 ? "None" : "10.96.0." + (1 + random.nextInt(3)),
                1 + random.nextInt(3),
                random.nextBoolean() ? "Local" : "Cluster",
                80 + random.nextInt(2),
                80 + random.nextInt(3)));
  }

  private static TestServices.Request request(Random random) {
    return new TestServices.Request(
        "10.96.0." + (1 + random.nextInt(3)),
        80 + random.nextInt(3),
        List.of("10.9.0." + (1 + random.nextInt(3))));
  }

  /** One change, of what is there and of the services. */
  private void step(TestServices services, Random random) {
    long number = 60_001L + random.nextInt(3);
    switch (random.nextInt(5)) {
      case 0 -> {
        TestServices.Request request = request(random);
        given.put(number, request);
        services.owners.putRequest(number, request);
      }
      case 1 -> {
        given.remove(number);
        services.owners.removeRequest(number);
      }
      case 2 -> {
        RawResource gone = object(random);
        objects.remove(gone.key());
        services.owners.remove(gone.key());
      }
      default -> {
        RawResource object = object(random);
        objects.put(object.key(), object);
        services.owners.put(object);
      }
    }
  }

  @Property(tries = 300)
  void look_afterARandomWalk_isAsAtOnceInAnyOrder(@ForAll long seed) {
    objects.clear();
    given.clear();
    var random = new Random(seed);
    var walked = new TestServices();
    for (int i = 0; i < STEPS; i++) {
      step(walked, random);
      if (random.nextInt(3) == 0) {
        walked.look();
      }
    }
    walked.look();

    var fresh = new TestServices();
    List<Runnable> events = new ArrayList<>();
    objects.values().forEach(each -> events.add(() -> fresh.owners.put(each)));
    given.forEach((number, request) -> events.add(() -> fresh.owners.putRequest(number, request)));
    Collections.shuffle(events, random);
    for (Runnable event : events) {
      event.run();
      if (random.nextInt(3) == 0) {
        fresh.look();
      }
    }
    fresh.look();

    assertEquals(fresh.texts(), walked.texts());
    assertEquals(rests(fresh), rests(walked));
    assertEquals(owners(fresh), owners(walked));
    assertEquals(fresh.owners.problems(), walked.owners.problems());
    assertEquals(fresh.owners.numbered(), walked.owners.numbered());
    assertEachHasItsOwnNumber(walked);

    // Everything gone, nothing is left.
    objects.values().forEach(each -> walked.owners.remove(each.key()));
    given.keySet().forEach(walked.owners::removeRequest);
    walked.look();
    assertEquals(Map.of(), walked.rows);
    assertEquals(Map.of(), walked.frontends);
    assertEquals(Map.of(), walked.owners.problems());
  }

  private static Set<FrontendKey> rests(TestServices services) {
    Set<FrontendKey> rests = new HashSet<>(services.rows.keySet());
    rests.removeIf(key -> !key.isRest());
    return rests;
  }

  /** Who has each frontend, and who does not get it and why. */
  private static Map<String, String> owners(TestServices services) {
    Map<String, String> owners = new TreeMap<>();
    services
        .frontends
        .values()
        .forEach(
            each -> owners.put(TestServices.text(each.key()) + " " + each.owner(), each.refusal()));
    return owners;
  }

  private static void assertEachHasItsOwnNumber(TestServices services) {
    Set<Integer> numbers = new HashSet<>();
    services.rows.values().stream()
        .filter(row -> !row.key().isRest())
        .forEach(row -> assertEquals(true, numbers.add(row.service()), row.toString()));
  }
}
