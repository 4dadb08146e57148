// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LabelFilterTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "k8s:app=x",
        "k8s:batch.kubernetes.io/job-name=x",
        "k8s:x.k8s.io/foo=x",
        "k8s:my-controller-uid=x",
        "k8s:io.kubernetes.pod.namespace=default",
        "k8s:io.cilium.k8s.namespace.labels.team=a",
        "k8s:app.kubernetes.io/name=x",
        "k8s:io.cilium.k8s.policy.cluster=default",
        "k8s:io.cilium.k8s.policy.serviceaccount=default",
        "reserved:host",
        "container:foo=x"
      })
  void relevant_default_keeps(String label) {
    assertEquals(Labels.parse(label), LabelFilter.DEFAULT.relevant(Labels.parse(label)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "k8s:io.kubernetes.pod.name=x",
        "k8s:kubernetes.io/arch=x",
        "k8s:k8s.io/foo=x",
        "k8s:node.beta.kubernetes.io/x=x",
        "k8s:pod-template-hash=x",
        "k8s:controller-revision-hash=x",
        "k8s:statefulset.kubernetes.io/pod-name=x",
        "k8s:apps.kubernetes.io/pod-index=1",
        "k8s:batch.kubernetes.io/job-completion-index=1",
        "k8s:batch.kubernetes.io/controller-uid=1",
        "k8s:annotation.foo=x",
        "container:annotation.foo=x",
        "k8s:topology.kubernetes.io/zone=x"
      })
  void relevant_default_drops(String label) {
    assertEquals(Labels.EMPTY, LabelFilter.DEFAULT.relevant(Labels.parse(label)));
  }

  @Test
  void relevant_userInclude_makesTheListComplete() {
    LabelFilter filter = LabelFilter.of(List.of("k8s:org"));
    assertEquals(
        Labels.parse(
            "gen:io.cilium.k8s.named-ports=n",
            "k8s:org=a",
            "k8s:organisation=b",
            "k8s:io.kubernetes.pod.namespace=n"),
        filter.relevant(
            Labels.parse(
                "gen:io.cilium.k8s.named-ports=n",
                "k8s:org=a",
                "k8s:organisation=b",
                "k8s:app=x",
                "k8s:io.kubernetes.pod.namespace=n")));
    assertEquals(Labels.EMPTY, filter.relevant(Labels.parse("container:org=a")));
  }

  @Test
  void relevant_userIgnore_leavesTheRest() {
    LabelFilter filter = LabelFilter.of(List.of("!build-id", "!container:.*"));
    assertEquals(
        Labels.parse("k8s:app=x", "k8s:rebuild-id=2"),
        filter.relevant(
            Labels.parse("k8s:app=x", "k8s:build-id=1", "k8s:rebuild-id=2", "container:image=y")));
  }

  @Test
  void relevant_ofNodes_haveNoDefaults() {
    Labels labels = Labels.parse("node:kubernetes.io/arch=x", "node:topology.kubernetes.io/zone=a");
    assertEquals(labels, LabelFilter.ofNodes(List.of()).relevant(labels));
    assertEquals(
        Labels.parse("node:topology.kubernetes.io/zone=a"),
        LabelFilter.ofNodes(List.of("topology")).relevant(labels));
    assertEquals(
        Labels.parse("node:kubernetes.io/arch=x"),
        LabelFilter.ofNodes(List.of("!topology")).relevant(labels));
  }

  @Test
  void relevant_longerIncludeThanIgnore_keeps() {
    LabelFilter filter = LabelFilter.of(List.of("!org", "org\\.unit"));
    assertEquals(
        Labels.parse("k8s:org.unit=1"),
        filter.relevant(Labels.parse("k8s:org.unit=1", "k8s:org.team=2")));
    assertEquals(
        Labels.EMPTY,
        LabelFilter.of(List.of("!org", "org")).relevant(Labels.parse("k8s:org=1")),
        "at a tie the ignoring one wins");
  }

  @Test
  void relevant_ignoredBySource_inEverySpelling_leavesTheRest() {
    Labels labels = Labels.parse("k8s:app=x", "k8s:build=1", "container:image=y");
    for (String pattern : List.of("!build", "k8s:!build", "any:!build", "!k8s:build")) {
      assertEquals(
          Labels.parse("k8s:app=x", "container:image=y"),
          LabelFilter.of(List.of(pattern)).relevant(labels),
          pattern);
    }
    assertEquals(labels, LabelFilter.of(List.of("container:!build")).relevant(labels));
    assertEquals(
        Labels.parse("container:image=y"), LabelFilter.of(List.of("any:image")).relevant(labels));
  }

  @Test
  void of_misplacedExclamationMark_isRefusedWithTheRightSpelling() {
    for (String pattern : List.of("k8s!:key", "k8s: !key", "k8s:key!", "!k8s:!key", "k8s:!!key")) {
      var e = assertThrows(IllegalArgumentException.class, () -> LabelFilter.of(List.of(pattern)));
      assertEquals(
          "label pattern \"" + pattern + "\": to ignore labels write \"k8s:!key\"", e.getMessage());
    }
    var e = assertThrows(IllegalArgumentException.class, () -> LabelFilter.of(List.of("a!b")));
    assertEquals("label pattern \"a!b\": to ignore labels write \"!ab\"", e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"(", "k8s:", "k8s:!", "!", "", "a**b(", "(?<=x)y", "(a)\\1", "(?:a|b)"})
  void of_wrongPattern_isRefusedByName(String pattern) {
    var e = assertThrows(IllegalArgumentException.class, () -> LabelFilter.of(List.of(pattern)));
    assertEquals(true, String.valueOf(e.getMessage()).contains("\"" + pattern + "\""));
  }

  @Test
  void of_tooMuch_isRefused() {
    assertThrows(
        IllegalArgumentException.class,
        () -> LabelFilter.of(Collections.nCopies(LabelFilter.MAX_PATTERNS + 1, "a")));
    assertThrows(
        IllegalArgumentException.class,
        () -> LabelFilter.of(List.of("a".repeat(LabelFilter.MAX_PATTERN_CHARS + 1))));
  }

  @Test
  void relevant_expressionsThatRunAwayElsewhere_takeLinearTime() {
    LabelFilter filter = LabelFilter.of(List.of("!(a+)+$", "!(a|aa)*b", "!(.*)(.*)(.*)x"));
    Labels labels = Labels.of(new Label("k8s", "a".repeat(900) + "c", ""));
    assertTimeoutPreemptively(
        Duration.ofSeconds(10), () -> assertEquals(labels, filter.relevant(labels)));
  }

  @Test
  void of_nestedRepetitions_areRefusedOrCheap() {
    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () -> {
          try {
            LabelFilter.of(List.of("((((a{9}){9}){9}){9}){9}")).relevant(Labels.parse("k8s:a"));
          } catch (IllegalArgumentException e) {
            assertEquals(1, String.valueOf(e.getMessage()).lines().count());
          }
        });
  }

  @Test
  void relevant_ofAnOwnList_knowsNoDefaultsButReserved() {
    var list =
        List.of(
            new LabelFilter.Prefix(false, "k8s", "org.unit"),
            new LabelFilter.Prefix(true, "any", "org.unit.build"));
    Labels labels =
        Labels.parse(
            "k8s:org.unit=1",
            "k8s:org.unit.build=2",
            "k8s:orgXunit=3",
            "container:org.units=4",
            "k8s:io.kubernetes.pod.namespace=default",
            "reserved:host");

    assertEquals(
        Labels.parse("k8s:org.unit=1", "reserved:host"),
        LabelFilter.of(list, List.of()).relevant(labels));
    assertEquals(
        Labels.parse("k8s:org.unit=1", "k8s:io.kubernetes.pod.namespace=default", "reserved:host"),
        LabelFilter.of(list, List.of("io\\.kubernetes")).relevant(labels));
  }

  @Test
  void relevant_ofAnOwnListThatOnlyIgnores_keepsTheRest() {
    var list = List.of(new LabelFilter.Prefix(true, "k8s", "build"));

    assertEquals(
        Labels.parse("k8s:app=a", "k8s:pod-template-hash=1"),
        LabelFilter.of(list, List.of())
            .relevant(Labels.parse("k8s:app=a", "k8s:build=2", "k8s:pod-template-hash=1")));
  }

  @Test
  void of_ownListWithoutPrefixOrSource_isRefused() {
    for (LabelFilter.Prefix wrong :
        List.of(
            new LabelFilter.Prefix(false, "k8s", ""),
            new LabelFilter.Prefix(false, "", "app"),
            new LabelFilter.Prefix(false, "k8s:", "app"))) {
      assertThrows(IllegalArgumentException.class, () -> LabelFilter.of(List.of(wrong), List.of()));
    }
  }
}
