// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
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
class ServiceBookPropertyTest {
  private static final int STEPS = 60;

  /** What is there now: an object, or a service of the API. */
  private final Map<ResourceKey, RawResource> objects = new HashMap<>();

  private final Map<Long, ServiceSpec> given = new HashMap<>();

  /** Few names and addresses, so that quarrels and moves are many. */
  private static RawResource object(Random random) {
    if (random.nextInt(3) > 0) {
      return TestBook.slice(
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
    return TestBook.service(
        "s" + random.nextInt(4),
        "clusterIPs: [%s, \"fd00:96::%d\"], internalTrafficPolicy: %s, ports: [{port: %d}, {name: b, port: %d}]"
            .formatted(
                random.nextInt(4) == 0 ? "None" : "10.96.0." + (1 + random.nextInt(3)),
                1 + random.nextInt(3),
                random.nextBoolean() ? "Local" : "Cluster",
                80 + random.nextInt(2),
                80 + random.nextInt(3)));
  }

  private static ServiceSpec spec(long number, Random random) {
    return new ServiceSpec(
        number,
        new FrontendAddress(
            "10.96.0." + (1 + random.nextInt(3)), "tcp", "external", 80 + random.nextInt(3)),
        List.of(new BackendAddress("10.9.0." + (1 + random.nextInt(3)), 80, "", "", false, null)),
        null,
        false);
  }

  /** One change, of what is there and of the book. */
  private void step(TestBook book, Random random) {
    long number = 60_001L + random.nextInt(3);
    switch (random.nextInt(5)) {
      case 0 -> {
        ServiceSpec spec = spec(number, random);
        given.put(number, spec);
        book.book.putGiven(number, spec);
      }
      case 1 -> {
        given.remove(number);
        book.book.removeGiven(number);
      }
      case 2 -> {
        RawResource gone = object(random);
        objects.remove(gone.key());
        book.book.remove(gone.key());
      }
      default -> {
        RawResource object = object(random);
        objects.put(object.key(), object);
        book.book.put(object);
      }
    }
  }

  @Property(tries = 300)
  void look_afterARandomWalk_isAsAtOnceInAnyOrder(@ForAll long seed) {
    objects.clear();
    given.clear();
    var random = new Random(seed);
    var walked = new TestBook();
    for (int i = 0; i < STEPS; i++) {
      step(walked, random);
      if (random.nextInt(3) == 0) {
        walked.look();
      }
    }
    walked.look();

    var fresh = new TestBook();
    List<Runnable> events = new ArrayList<>();
    objects.values().forEach(each -> events.add(() -> fresh.book.put(each)));
    given.forEach((number, spec) -> events.add(() -> fresh.book.putGiven(number, spec)));
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
    assertEquals(fresh.book.problems(), walked.book.problems());
    assertEquals(fresh.book.numbered(), walked.book.numbered());
    assertEachHasItsOwnNumber(walked);

    // Everything gone, nothing is left.
    objects.values().forEach(each -> walked.book.remove(each.key()));
    given.keySet().forEach(walked.book::removeGiven);
    walked.look();
    assertEquals(Map.of(), walked.rows);
    assertEquals(Map.of(), walked.frontends);
    assertEquals(Map.of(), walked.book.problems());
  }

  private static Set<FrontendKey> rests(TestBook book) {
    Set<FrontendKey> rests = new HashSet<>(book.rows.keySet());
    rests.removeIf(key -> !key.isRest());
    return rests;
  }

  /** Who has each frontend, and who does not get it and why. */
  private static Map<String, String> owners(TestBook book) {
    Map<String, String> owners = new TreeMap<>();
    book.frontends
        .values()
        .forEach(
            each -> owners.put(TestBook.text(each.key()) + " " + each.owner(), each.refusal()));
    return owners;
  }

  private static void assertEachHasItsOwnNumber(TestBook book) {
    Set<Integer> numbers = new HashSet<>();
    book.rows.values().stream()
        .filter(row -> !row.key().isRest())
        .forEach(row -> assertEquals(true, numbers.add(row.service()), row.toString()));
  }
}
