// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.TrafficDirection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Runs the cases with the reference implementation's answers. Where that folder is not at hand (it
 * is no part of this repository) the cases in the test resources are run instead, and the printed
 * line says which.
 */
class PolicyCasesTest {

  private static Path folder() {
    return reference().orElse(Path.of("src/test/resources/cases"));
  }

  /** {@code -Dpolicy.cases=DIR}, else {@code shared/reference/policy-cases} somewhere above. */
  private static Optional<Path> reference() {
    String property = System.getProperty("policy.cases");
    if (property != null) {
      return Optional.of(Path.of(property));
    }
    Path folder = Path.of("").toAbsolutePath();
    while (folder != null) {
      Path candidate = folder.resolve("shared/reference/policy-cases");
      if (Files.isDirectory(candidate)) {
        return Optional.of(candidate);
      }
      folder = folder.getParent();
    }
    return Optional.empty();
  }

  private static List<Path> cases(String suffix) throws IOException {
    try (Stream<Path> files = Files.list(folder())) {
      return files.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
    }
  }

  @Test
  void answers_withReferenceCompat_areTheReferences() throws IOException {
    // The answers were made without the access that the node's own processes usually have.
    PolicyConfig config = PolicyConfig.DEFAULT.withReferenceCompat().withoutLocalhostAccess();
    var differences = new ArrayList<String>();
    int answers = 0;
    List<Path> files = cases(".json");
    for (Path file : files) {
      List<String> expected =
          Samples.expectedAnswers(file).stream().map(PolicyCasesTest::norm).toList();
      List<String> actual =
          Samples.readCase(file, config).answers().stream().map(PolicyCasesTest::norm).toList();
      answers += expected.size();
      for (String line : expected) {
        if (!actual.contains(line)) {
          differences.add(file.getFileName() + ": expected " + line);
        }
      }
      assertEquals(expected.size(), actual.size(), file + ": number of answers");
    }
    System.out.printf(
        "policy-cases: %d cases, %d answers, %d differ (%s)%n",
        files.size(), answers, differences.size(), folder());
    assertFalse(files.isEmpty(), "no cases in " + folder());
    assertEquals(List.of(), differences);
  }

  /** Every difference is where the reference opens a list that is empty, and is warned of. */
  @Test
  void answers_withoutReferenceCompat_differWhereAListIsEmptyOnly() throws IOException {
    PolicyConfig safe = PolicyConfig.DEFAULT.withoutLocalhostAccess();
    PolicyConfig compat = safe.withReferenceCompat();
    var unexplained = new ArrayList<String>();
    int differences = 0;
    for (Path file : cases(".json")) {
      PolicyCase safely = Samples.readCase(file, safe);
      PolicyCase asReference = Samples.readCase(file, compat);
      List<String> warnings =
          asReference.policies().stream()
              .flatMap(policy -> policy.resources().stream())
              .flatMap(policy -> PolicyWarnings.of(policy).stream())
              .toList();
      RulesSnapshot rules = asReference.repository().snapshot();
      RulesSnapshot safeRules = safely.repository().snapshot();
      for (PolicyCase.FlowSpec flow : asReference.flows()) {
        for (TrafficDirection direction : TrafficDirection.values()) {
          Explanation theirs = asReference.explain(rules, flow, direction);
          if (theirs.verdict() == safely.explain(safeRules, flow, direction).verdict()) {
            continue;
          }
          differences++;
          String rule =
              theirs.decider().map(each -> each.path().replaceAll("\\.toPorts.*", "")).orElse("");
          System.out.println("differs on purpose: " + file.getFileName() + " " + theirs.decider());
          if (warnings.stream().noneMatch(warning -> warning.contains(rule + ": "))) {
            unexplained.add(file.getFileName() + " " + flow + " " + theirs.reason());
          }
        }
      }
    }
    System.out.println("policy-cases: " + differences + " answers differ on purpose");
    assertEquals(List.of(), unexplained);
  }

  /** Blanks do not matter, nor why a policy is refused. */
  private static String norm(String json) {
    return json.replaceAll("(\"rejected\":) .*", "$1true}").replace(" ", "");
  }

  @Test
  void answers_ofScaleCases_comeInTime() throws IOException {
    for (Path file : cases(".json.gz")) {
      PolicyCase scale = Samples.readCase(file, PolicyConfig.DEFAULT);
      List<String> answers = scale.answers();
      assertEquals(scale.flows().size(), answers.size(), file.toString());
      assertTrue(answers.stream().anyMatch(line -> line.contains("ALLOWED")), file.toString());
    }
  }
}
