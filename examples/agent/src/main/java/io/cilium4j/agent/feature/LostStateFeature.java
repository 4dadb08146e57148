// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.state.Lifecycle;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells of what an earlier run kept and nobody can read, until somebody takes note and removes the
 * file. What is lost of endpoints and policies is told where these are.
 *
 * @param folder where state outlives the process
 */
public record LostStateFeature(StateFolder folder) implements Feature {
  private static final Logger LOG = LoggerFactory.getLogger(LostStateFeature.class);

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add(
        "lost state",
        new Lifecycle.Part() {
          @Override
          public void start() {
            folder
                .lost()
                .forEach(file -> LOG.warn("state lost until this file is removed file={}", file));
          }

          @Override
          public void stop() {}
        });
  }

  @Override
  public List<MetricFamily> metrics() {
    return List.of(
        MetricFamily.gauge(
            "cilium_agent_lost_state_files",
            "Files of endpoints, rules and other state that could not be read and are set aside",
            folder.lost().size()));
  }

  @Override
  public Map<String, String> problems() {
    Map<String, String> problems = new TreeMap<>();
    for (Path file : folder.lostSpecs()) {
      problems.put(
          file.toString(),
          "state lost: "
              + file
              + " cannot be read; ask again for what it held, then remove that file");
    }
    return problems;
  }
}
