// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.cni.CniBench.Outcome;
import io.cilium4j.core.Endpoint;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every verb in every order of three, each called twice, in each version: what the executable says
 * and what is joined must be as a model of a few lines has it. Between the calls the container's
 * device is lost now and then, and results and lists of attachments are old ones.
 */
class CniOrdersTest {

  /** What a runtime does, or what happens to it. */
  private enum Step {
    ADD,
    DEL,
    CHECK,
    /** With the result of the attachment before the present one. */
    CHECK_STALE,
    /** With a list that has the container, whether it is joined or not. */
    GC_LISTED,
    /** With a list that lacks it. */
    GC_OTHERS,
    STATUS_AND_VERSION,
    /** The container's device is gone; no call. */
    DEVICE_LOST
  }

  private static final int ORDER = 3;

  private static final String CONTAINER = "a";

  /** Another container of the same network, which no step is about. */
  private static final String BYSTANDER = "b";

  private static final String NEVER_JOINED =
      "{\"ips\": [{\"address\": \"192.0.2.1/32\"}], \"interfaces\": []}";

  @TempDir private Path folder;

  /** What should be: of the container, and of what the runtime was told of it. */
  private static final class Model {
    boolean isJoined;
    boolean isLost;
    Optional<Outcome> result = Optional.empty();
    Optional<Outcome> stale = Optional.empty();

    boolean isWhole() {
      return isJoined && !isLost;
    }

    void left() {
      isJoined = false;
      isLost = false;
    }

    /** What CHECK is to say of a result: the number of the error. */
    int check(Optional<Outcome> of) {
      if (!isJoined) {
        return 3;
      }
      boolean isThePresent =
          of.filter(each -> each.addresses().equals(result.orElseThrow().addresses())).isPresent();
      return isThePresent && !isLost ? 0 : 100;
    }
  }

  /**
   * Digits below {@code base}, in which each sequence of {@link #ORDER} digits occurs once (de
   * Bruijn, by the algorithm of Fredricksen, Kessler and Maiorana).
   */
  private static List<Integer> everyOrder(int base) {
    List<Integer> all = new ArrayList<>();
    extend(1, 1, base, new int[ORDER + 1], all);
    all.addAll(all.subList(0, ORDER - 1));
    return all;
  }

  private static void extend(int at, int period, int base, int[] word, List<Integer> all) {
    if (at > ORDER) {
      for (int i = 1; ORDER % period == 0 && i <= period; i++) {
        all.add(word[i]);
      }
      return;
    }
    word[at] = word[at - period];
    extend(at + 1, period, base, word, all);
    for (int digit = word[at - period] + 1; digit < base; digit++) {
      word[at] = digit;
      extend(at + 1, at, base, word, all);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"0.3.1", "0.4.0", "1.0.0", "1.1.0"})
  void calls_inEveryOrderAndTwice_areAsTheModelHasThem(String version) throws Exception {
    try (var bench = new CniBench(folder)) {
      assertEquals(0, bench.call("ADD", BYSTANDER).error());
      Endpoint other = bench.agent().endpoint("default", BYSTANDER).orElseThrow();
      var model = new Model();
      List<Integer> walk = everyOrder(Step.values().length);
      assertEquals((int) Math.pow(Step.values().length, ORDER) + ORDER - 1, walk.size());
      for (int i = 0; i < walk.size(); i++) {
        Step step = Step.values()[walk.get(i)];
        String where = version + ", step " + i + ", " + step;
        if (step == Step.DEVICE_LOST) {
          lose(bench, model);
        } else {
          take(bench, model, version, step, where);
          take(bench, model, version, step, where + " again");
        }
        Set<String> joined =
            bench.agent().endpoints().snapshot().stream()
                .map(row -> row.value().name())
                .collect(Collectors.toSet());
        Set<String> wanted = new HashSet<>(Set.of(BYSTANDER));
        if (model.isJoined) {
          wanted.add(CONTAINER);
        }
        assertEquals(wanted, joined, where);
        assertEquals(model.isWhole() ? 2 : 1, bench.datapath.devices.size(), where);
        assertTrue(bench.datapath.devices.contains(other.device().hostIfindex()), where);
      }
    }
  }

  private static void lose(CniBench bench, Model model) {
    if (model.isWhole()) {
      Endpoint endpoint = bench.agent().endpoint("default", CONTAINER).orElseThrow();
      bench.datapath.loseDevice(endpoint.device().hostIfindex());
      model.isLost = true;
    }
  }

  private static void take(CniBench bench, Model model, String version, Step step, String where) {
    boolean hasCheck = !version.equals("0.3.1");
    boolean hasGc = version.equals("1.1.0");
    switch (step) {
      case ADD -> {
        Outcome added = call(bench, version, "ADD", "");
        assertEquals(0, added.error(), () -> where + ": " + added.output());
        assertEquals(version, added.tree().get("cniVersion"), where);
        if (model.isWhole()) {
          assertEquals(model.result, Optional.of(added), where);
        } else {
          model.stale = model.result;
        }
        model.result = Optional.of(added);
        model.isJoined = true;
        model.isLost = false;
      }
      case DEL -> {
        expect(0, call(bench, version, "DEL", ""), where);
        model.left();
      }
      case CHECK, CHECK_STALE -> {
        Optional<Outcome> of = step == Step.CHECK ? model.result : model.stale;
        String previous = ", \"prevResult\": " + of.map(Outcome::output).orElse(NEVER_JOINED);
        expect(hasCheck ? model.check(of) : 4, call(bench, version, "CHECK", previous), where);
      }
      case GC_LISTED, GC_OTHERS -> {
        String own =
            step == Step.GC_LISTED
                ? "{\"containerID\": \"" + CONTAINER + "\", \"ifname\": \"eth0\"}, "
                : "{\"containerID\": \"" + CONTAINER + "\", \"ifname\": \"eth1\"}, ";
        String valid =
            ", \"cni.dev/valid-attachments\": ["
                + own
                + "{\"containerID\": \"gone\", \"ifname\": \"eth0\"}, {\"containerID\": \""
                + BYSTANDER
                + "\", \"ifname\": \"eth0\"}]";
        expect(hasGc ? 0 : 4, call(bench, version, "GC", valid), where);
        if (hasGc && step == Step.GC_OTHERS) {
          model.left();
        }
      }
      case STATUS_AND_VERSION -> {
        expect(hasGc ? 0 : 4, call(bench, version, "STATUS", ""), where);
        Outcome told = call(bench, version, "VERSION", "");
        expect(0, told, where);
        assertEquals(
            List.of("0.3.1", "0.4.0", "1.0.0", "1.1.0"),
            told.tree().get("supportedVersions"),
            where);
      }
      case DEVICE_LOST -> throw new AssertionError("no call");
    }
  }

  private static void expect(int error, Outcome outcome, String where) {
    assertEquals(error, outcome.error(), () -> where + ": " + outcome.output());
  }

  private static Outcome call(CniBench bench, String version, String command, String more) {
    return bench.call(version, CniBench.variables(command, CONTAINER, "eth0"), "cilium", more);
  }
}
