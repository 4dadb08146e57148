// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreProvider;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.state.Scheduler;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.ServiceLoader;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Cluster-wide identities of several processes over one folder. */
class ClusterIdentitiesIT {
  private static final int LABEL_SETS = 2_000;
  private static final int NODES = 2;
  private static final long PATIENCE_SECONDS = 120;

  @TempDir private Path folder;

  /** A node: allocates all label sets in an order of its own, and prints their numbers. */
  static final class Node {
    private Node() {}

    public static void main(String[] args) {
      ClusterStoreProvider stores = find(ServiceLoader.load(ClusterStoreProvider.class), args[0]);
      IdentityBackendProvider identities =
          ServiceLoader.load(IdentityBackendProvider.class).stream()
              .map(ServiceLoader.Provider::get)
              .filter(each -> each.name().equals("crd"))
              .findFirst()
              .orElseThrow();
      var order = new ArrayList<Integer>();
      for (int i = 0; i < LABEL_SETS; i++) {
        order.add(i);
      }
      Collections.shuffle(order, new Random(Long.parseLong(args[2])));
      var numbers = new TreeMap<Integer, Integer>();
      try (Scheduler scheduler = Scheduler.ofThread("node");
          ClusterStore store = stores.open(Map.of("path", args[1]));
          IdentityBackend backend =
              identities.open(
                  new IdentityBackendProvider.Config(0, scheduler, Map.of(), Optional.of(store)))) {
        for (int i : order) {
          Labels labels = Labels.parse("k8s:app=app-" + i, "k8s:io.kubernetes.pod.namespace=x");
          numbers.put(i, backend.allocate(labels).id());
        }
      }
      System.out.println(numbers);
    }

    private static ClusterStoreProvider find(ServiceLoader<ClusterStoreProvider> all, String name) {
      return all.stream()
          .map(ServiceLoader.Provider::get)
          .filter(each -> each.name().equals(name))
          .findFirst()
          .orElseThrow();
    }
  }

  private Process start(int node) throws IOException {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"));
    command.add(
        String.join(
            ":",
            "target/test-classes",
            System.getProperty("jdk.module.path"),
            System.getProperty("java.class.path")));
    command.addAll(
        List.of(Node.class.getName(), "directory", folder.toString(), Integer.toString(node)));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
  }

  @Test
  void allocate_severalProcessesSameLabels_agreeOnEveryNumber() throws Exception {
    var processes = new ArrayList<Process>();
    for (int node = 0; node < NODES; node++) {
      processes.add(start(node));
    }
    var answers = new HashSet<String>();
    for (Process process : processes) {
      try (BufferedReader out = process.inputReader()) {
        answers.add(String.valueOf(out.readLine()));
      }
      assertTrue(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS));
      assertEquals(0, process.exitValue());
    }
    assertEquals(1, answers.size(), "all nodes have the same numbers");
    String numbers = answers.iterator().next();
    assertEquals(
        LABEL_SETS,
        new HashSet<>(List.of(numbers.replaceAll("[{}]|[0-9]+=", "").split(", ", -1))).size(),
        "each label set has a number of its own");
    try (var files = java.nio.file.Files.list(folder.resolve("ciliumidentities"))) {
      assertEquals(LABEL_SETS, files.count());
    }
  }
}
