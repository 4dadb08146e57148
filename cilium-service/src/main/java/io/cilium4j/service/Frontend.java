// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import java.util.List;
import java.util.Optional;

/**
 * An address and port of a service, as its owner wants it.
 *
 * @param number its number, 1 to 65535
 * @param type who asks it
 * @param backends what stands behind it, each once
 * @param affinitySeconds for how long a client keeps its backend; 0 if it does not
 * @param refusal why it is not carried out; empty if it is
 * @param policy the local redirect policy that says what stands behind it; absent for none
 * @param isForOutsideOnly whether pods and processes of nodes are not led to it: what they send
 *     there goes where the network leads it
 */
public record Frontend(
    int number,
    FrontendKey key,
    FrontendType type,
    FrontendOwner owner,
    List<PlacedBackend> backends,
    int affinitySeconds,
    String refusal,
    Optional<ResourceKey> policy,
    boolean isForOutsideOnly) {
  public Frontend {
    backends = List.copyOf(backends);
  }

  /** A frontend for everybody that no local redirect policy is about. */
  public Frontend(
      int number,
      FrontendKey key,
      FrontendType type,
      FrontendOwner owner,
      List<PlacedBackend> backends,
      int affinitySeconds,
      String refusal) {
    this(number, key, type, owner, backends, affinitySeconds, refusal, Optional.empty(), false);
  }

  /**
   * What clients outside of the cluster are served of a frontend.
   *
   * @param row the frontend with the backends that they are led to
   * @param sources prefixes whose addresses are served; empty for everybody
   * @param isLocal whether they are led to backends of this node only
   * @param algorithm how the service wants them to be chosen; absent where it does not say
   * @param isForOutsideOnly whether pods and processes of nodes are not led to it
   */
  public record Outside(
      FrontendRow row,
      List<IpPrefix> sources,
      boolean isLocal,
      Optional<LoadBalancerAlgorithm> algorithm,
      boolean isForOutsideOnly) {
    public Outside {
      sources = List.copyOf(sources);
    }
  }

  /** Whether the datapath is to hold it. */
  public boolean isInForce() {
    return refusal.isEmpty();
  }

  /** All that it is asked as: a service of the API may have several protocols. */
  public List<FrontendKey> keys() {
    return owner instanceof RequestedService service ? service.keys() : List.of(key);
  }

  /** What the datapath is to hold of it, for pods and processes of the node. */
  List<FrontendRow> rows() {
    return isForOutsideOnly
        ? List.of()
        : keys().stream().map(each -> rowOf(each, backends)).toList();
  }

  /**
   * What clients outside of the cluster are served of it; absent for nothing.
   *
   * @param node this node
   */
  public Optional<Outside> outside(String node) {
    boolean isNear = key.address().toInetAddress().isLoopbackAddress();
    if (isNear
        || !type.isExternal()
        || !isInForce()
        || !(owner instanceof KubernetesService service)) {
      return Optional.empty();
    }
    boolean isLocal = service.isExternallyLocal();
    List<PlacedBackend> served =
        isLocal ? backends.stream().filter(each -> each.node().equals(node)).toList() : backends;
    return Optional.of(
        new Outside(
            rowOf(key, served),
            type.hasSources() ? service.external().sources() : List.of(),
            isLocal,
            service.external().algorithm(),
            isForOutsideOnly));
  }

  private FrontendRow rowOf(FrontendKey asked, List<PlacedBackend> some) {
    return new FrontendRow(
        asked, number, some.stream().map(PlacedBackend::backend).toList(), affinitySeconds);
  }
}
