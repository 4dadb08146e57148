// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import io.cilium4j.agent.AgentException;
import java.util.ServiceLoader;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Finds the implementation of a seam. */
public final class Providers {
  private Providers() {}

  /**
   * The implementation of a name.
   *
   * @param seam what it implements, in words for people
   * @param loader made by the caller, whose module uses the seam
   */
  public static <S> S named(
      String seam, ServiceLoader<S> loader, Function<S, String> nameOf, String wanted) {
    return loader.stream()
        .map(ServiceLoader.Provider::get)
        .filter(each -> nameOf.apply(each).equals(wanted))
        .findFirst()
        .orElseThrow(() ->
            new AgentException(
                seam
                    + " "
                    + wanted
                    + ": no such implementation is installed; there are "
                    + loader.stream()
                        .map(each -> nameOf.apply(each.get()))
                        .sorted()
                        .collect(Collectors.joining(", "))));
  }
}
