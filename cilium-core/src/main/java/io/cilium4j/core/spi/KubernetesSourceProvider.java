// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.StateFile;
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
   * @param scheduler its clock and thread; stays the caller's to close
   * @param options the implementation's own, for example {@code path} of the directory
   * @param memory what it knows again after a restart
   */
  record Config(Scheduler scheduler, Map<String, String> options, StateFile memory) {
    public Config {
      options = Map.copyOf(options);
    }

    /** For a source whose objects need not outlive the process. */
    public Config(Scheduler scheduler, Map<String, String> options) {
      this(scheduler, options, StateFile.NONE);
    }
  }
}
