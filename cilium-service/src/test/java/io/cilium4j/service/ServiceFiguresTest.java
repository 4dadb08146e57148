// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.service.ServiceController.Inputs;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * How long many services take from Kubernetes' objects to the rows for the datapath, and how much
 * memory. {@code -Dservices=10000} makes it the size that docs/performance.md tells of.
 */
class ServiceFiguresTest {
  private static final int SERVICES = Integer.getInteger("services", 1_000);
  private static final int BACKENDS = 10;
  private static final int CHANGES = 200;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static RawResource service(int number) {
    return TestServices.service(
        "s" + number,
        "clusterIP: %s, ports: [{name: http, port: 80, targetPort: web}]"
            .formatted(IpAddress.parse("10.96.0.0").plus(number + 1)));
  }

  private static RawResource slice(int number, int first) {
    List<String> endpoints =
        IntStream.range(0, BACKENDS)
            .mapToObj(i ->
                "{addresses: [%s], conditions: {ready: true, serving: true, terminating: false}, nodeName: node-%d}"
                    .formatted(
                        IpAddress.parse("10.128.0.0").plus((long) number * 16 + first + i), i))
            .toList();
    return TestServices.slice(
        "s" + number + "-1",
        "s" + number,
        "addressType: IPv4, ports: [{name: http, port: 8080}], endpoints: " + endpoints);
  }

  private static long usedBytes() {
    for (int i = 0; i < 4; i++) {
      System.gc();
    }
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }

  @Test
  void services_many_areRowsAndAChangeIsOneSoon() throws Exception {
    TableWriter<ResourceKey, RawResource> resources =
        TableWriter.create("resources", Comparator.naturalOrder(), Set.of("all"));
    resources.write(batch -> {
      for (int i = 0; i < SERVICES; i++) {
        RawResource service = service(i);
        batch.put(service.key(), service);
        RawResource slice = slice(i, 0);
        batch.put(slice.key(), slice);
      }
    });
    long before = usedBytes();
    try (var thread = Scheduler.ofThread("services")) {
      var controller =
          new ServiceController(
              new Inputs(
                  resources.table(),
                  TableWriter.<ResourceKey, Pod>create("pods").table(),
                  TableWriter.<Long, ServiceRequest>create("given").table(),
                  TableWriter.<IpPrefix, IpcacheEntry>create("ipcache").table(),
                  TableWriter.<IpAddress, IpAddress>create("node-addresses").table(),
                  TableWriter.<String, Node>create("nodes").table(),
                  TableWriter.<IpPrefix, String>create("pod-cidrs").table(),
                  TestServices.NODE,
                  true,
                  true,
                  true,
                  true),
              StateFile.NONE,
              thread);
      controller.start();
      long start = System.nanoTime();
      resources.synced("all");
      assertTrue(controller.rows().awaitInitialised(PATIENCE));
      double firstMillis = (System.nanoTime() - start) / 1e6;
      assertEquals(2 * SERVICES, controller.rows().snapshot().size());
      double bytes = (double) (usedBytes() - before);

      double[] millis = new double[CHANGES];
      try (var watch = controller.rows().watch()) {
        watch.poll();
        for (int i = 0; i < CHANGES; i++) {
          RawResource changed = slice(i % SERVICES, 1 + i / SERVICES);
          long revision = controller.rows().revision();
          start = System.nanoTime();
          resources.put(changed.key(), changed);
          var deadline = Deadline.in(PATIENCE);
          while (controller.rows().revision() == revision) {
            watch.take(deadline.left());
          }
          millis[i] = (System.nanoTime() - start) / 1e6;
        }
      }
      Arrays.sort(millis);
      System.out.printf(
          "%d services of %d backends: %.0f ms from objects to rows, %.1f MB beside the objects; a"
              + " slice's change: median %.1f ms, p99 %.1f ms, most %.1f ms%n",
          SERVICES,
          BACKENDS,
          firstMillis,
          bytes / 1e6,
          millis[CHANGES / 2],
          millis[CHANGES * 99 / 100],
          millis[CHANGES - 1]);
      controller.stop();
    }
  }
}
