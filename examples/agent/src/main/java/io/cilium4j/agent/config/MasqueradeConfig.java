// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Whether pods reach the outside under the node's address.
 *
 * @param asked by family what was asked for; of a family that is absent it is done where it can be
 * @param nativeRouting prefixes, at most one a family, whose hosts know the way to pods: there pods
 *     keep their addresses, as they do within the cluster
 * @param ipMasqAgent the file of an ip-masq-agent that says where else they keep them
 */
public record MasqueradeConfig(
    Map<IpFamily, Boolean> asked, List<IpPrefix> nativeRouting, Optional<Path> ipMasqAgent) {

  /** Where it can be done, for everything outside of the cluster. */
  public static final MasqueradeConfig DEFAULT =
      new MasqueradeConfig(Map.of(), List.of(), Optional.empty());

  public MasqueradeConfig {
    asked = Map.copyOf(asked);
    nativeRouting = List.copyOf(nativeRouting);
    if (nativeRouting.stream().map(IpPrefix::family).distinct().count() != nativeRouting.size()) {
      throw new IllegalArgumentException(
          "native routing CIDRs " + nativeRouting + ": wanted at most one a family");
    }
  }

  /** The same, with this asked for. */
  public MasqueradeConfig with(IpFamily family, boolean on) {
    Map<IpFamily, Boolean> all = new TreeMap<>(asked);
    all.put(family, on);
    return new MasqueradeConfig(all, nativeRouting, ipMasqAgent);
  }

  /** The same, with these prefixes outside of the cluster. */
  public MasqueradeConfig withNativeRouting(List<IpPrefix> prefixes) {
    return new MasqueradeConfig(asked, prefixes, ipMasqAgent);
  }

  /** The same, with this file of an ip-masq-agent. */
  public MasqueradeConfig withIpMasqAgent(Path file) {
    return new MasqueradeConfig(asked, nativeRouting, Optional.of(file));
  }
}
