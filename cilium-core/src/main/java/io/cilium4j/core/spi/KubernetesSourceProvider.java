// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.state.Scheduler;
import java.util.Map;

/** Makes a {@link KubernetesSource}; found by {@link java.util.ServiceLoader}. */
@Experimental
public interface KubernetesSourceProvider {

  /** The name under which configuration asks for it: {@code directory}, {@code api-server}. */
  String name();

  /**
   * A source that is not started yet.
   *
   * @throws IllegalArgumentException if an option is wrong or missing
   */
  KubernetesSource open(Config config);

  /**
   * What a source is given.
   *
   * @param clusterName the name of our cluster, which every pod gets as a label
   * @param scheduler its clock and thread; stays the caller's to close
   * @param options the implementation's own, for example {@code path} of the directory
   * @param memory what it knows again after a restart
   */
  record Config(
      String clusterName, Scheduler scheduler, Map<String, String> options, SourceMemory memory) {

    /** The name of a cluster that was given none. */
    public static final String DEFAULT_CLUSTER = "default";

    public Config {
      options = Map.copyOf(options);
    }

    /** For a source whose objects need not outlive the process. */
    public Config(String clusterName, Scheduler scheduler, Map<String, String> options) {
      this(clusterName, scheduler, options, SourceMemory.NONE);
    }
  }
}
