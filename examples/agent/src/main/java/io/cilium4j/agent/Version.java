// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import java.lang.module.ModuleDescriptor;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Which version of the agent this is. */
final class Version {
  private Version() {}

  /** The version of the agent's own module; absent where nothing was packaged. */
  static Optional<String> own() {
    return Optional.ofNullable(Version.class.getModule().getDescriptor())
        .flatMap(ModuleDescriptor::rawVersion);
  }

  static MetricFamily metric(String version) {
    Map<String, String> labels = Map.of("version", version, "arch", System.getProperty("os.arch"));
    return new MetricFamily(
        "cilium_version",
        Kind.GAUGE,
        "Always 1; the labels say what runs",
        List.of(Sample.Value.of(labels, 1)));
  }
}
