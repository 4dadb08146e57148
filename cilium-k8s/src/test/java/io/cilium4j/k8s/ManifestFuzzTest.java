// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.StringLength;

/** Whatever a file holds, it is rows or problems, each of one line, and never an exception. */
class ManifestFuzzTest {

  private static final String GOOD =
      """
      apiVersion: v1
      kind: Pod
      metadata: {name: one, namespace: fleet, labels: {org: "empire", "a.b/c": ''}}
      spec:
        hostNetwork: false
        containers:
        - ports: [{name: web, containerPort: 80, protocol: TCP}]
      status: {podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}], phase: Running}
      ---
      {"apiVersion": "cilium.io/v2", "kind": "CiliumNode", "metadata": {"name": "n"},
       "spec": {"addresses": [{"type": "InternalIP", "ip": "10.0.0.1"}],
                "ipam": {"podCIDRs": ["10.0.0.0/24"]}}}
      ---
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: p}
      spec: {podSelector: {}, ingress: [{}]}
      """;

  /** Characters that mean something in YAML, and some that mean nothing anywhere. */
  private static final String SHARP = "\t\n :-[]{}#&*!|>'\"%@`,?~<\\\0\u0085\uffff\ud800e0x.1";

  @Property(tries = 2_000)
  void put_mutatedManifest_isRowsOrProblems(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 12) int mutations) {
    var random = new Random(seed);
    var text = new StringBuilder(GOOD);
    for (int i = 0; i < mutations; i++) {
      int at = random.nextInt(text.length());
      char sharp = SHARP.charAt(random.nextInt(SHARP.length()));
      switch (random.nextInt(4)) {
        case 0 -> text.setCharAt(at, sharp);
        case 1 -> text.insert(at, sharp);
        case 2 -> text.deleteCharAt(at);
        default -> text.insert(at, text.substring(at, Math.min(text.length(), at + 40)));
      }
    }
    assertTaken(text.toString());
  }

  @Property(tries = 500)
  void put_anyText_isRowsOrProblems(@ForAll @StringLength(max = 200) String text) {
    assertTaken(text);
  }

  private static void assertTaken(String text) {
    var store = new ManifestStore();
    store.put("a.yaml", GOOD);
    assertEquals(Map.of(), store.problems());
    store.put("a.yaml", text);
    store
        .problems()
        .forEach((where, what) -> {
          assertEquals(1, what.lines().count(), what);
          assertEquals(1, where.lines().count(), where);
        });
  }
}
