// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import io.cilium4j.agent.AgentException;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Availability;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Which datapath an agent uses, and why.
 *
 * @param provider what makes it
 * @param reason one line for people
 */
public record DatapathChoice(DatapathProvider provider, String reason) {

  /** What {@code auto} tries, the better one first. */
  private static final List<String> PREFERENCE = List.of("ebpf", "memory");

  /**
   * Finds the provider of a name; {@code auto} takes the first that can run here.
   *
   * @throws AgentException if there is none, with the reason of each that was tried
   */
  public static DatapathChoice of(String name) {
    List<DatapathProvider> known = known().toList();
    if (name.equals("auto")) {
      return firstUsable(known);
    }
    DatapathProvider provider =
        known.stream()
            .filter(each -> each.name().equals(name))
            .findFirst()
            .orElseThrow(() ->
                new AgentException(
                    "datapath " + name + ": unknown; there are auto, " + names(known)));
    return ofUsable(provider);
  }

  /** Whether a datapath of this name is installed. */
  public static boolean isInstalled(String name) {
    return known().anyMatch(each -> each.name().equals(name));
  }

  /** The name of the datapath that goes on enforcing for an instance; absent if none does. */
  public static Optional<String> outliving(String instance) {
    return known()
        .filter(each -> each.outlivesProcess(instance))
        .map(DatapathProvider::name)
        .findFirst();
  }

  private static Stream<DatapathProvider> known() {
    return ServiceLoader.load(DatapathProvider.class).stream().map(ServiceLoader.Provider::get);
  }

  /** The datapath of a provider that the caller brings. */
  public static DatapathChoice ofUsable(DatapathProvider provider) {
    Availability availability = provider.probe();
    if (!availability.usable()) {
      throw new AgentException(
          "datapath " + provider.name() + " cannot run here: " + availability.reason());
    }
    return new DatapathChoice(provider, "asked for by name");
  }

  private static DatapathChoice firstUsable(List<DatapathProvider> known) {
    List<String> refusals = new ArrayList<>();
    for (String name : PREFERENCE) {
      for (DatapathProvider provider : known) {
        if (provider.name().equals(name)) {
          Availability availability = provider.probe();
          if (availability.usable()) {
            return new DatapathChoice(
                provider, refusals.isEmpty() ? availability.reason() : String.join("; ", refusals));
          }
          refusals.add("no " + provider.name() + ": " + availability.reason());
        }
      }
    }
    throw new AgentException("no datapath can run here: " + String.join("; ", refusals));
  }

  private static String names(List<DatapathProvider> known) {
    return known.stream().map(DatapathProvider::name).sorted().collect(Collectors.joining(", "));
  }
}
