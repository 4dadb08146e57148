// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probe;
import io.cilium4j.datapath.bpf.Probes;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A test that loads programs into the running kernel. Where this process may not, it is skipped;
 * with {@code -Dkernel.tests=required} it fails instead, so that nobody believes a run that did not
 * happen.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Inherited
@ExtendWith(KernelTest.Condition.class)
@interface KernelTest {

  /** Asks the kernel once, by loading a trivial program. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      Probe probe = Probes.of(Feature.BPF);
      if (probe.isSupported()) {
        return ConditionEvaluationResult.enabled("this process may load programs");
      }
      if (System.getProperty("kernel.tests", "optional").equals("required")) {
        throw new AssertionError("kernel tests are required, but: " + probe);
      }
      return ConditionEvaluationResult.disabled("no kernel tests here: " + probe);
    }
  }
}
