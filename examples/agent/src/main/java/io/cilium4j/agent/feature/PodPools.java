// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.state.Tables;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Namespace;
import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.ipam.AddressReservations;
import java.time.Duration;
import java.util.Optional;

/**
 * Which pool a pod gets its addresses of: the one that the pod names, else the one that its
 * namespace names, else the default. Who is no pod gets those of the default one.
 */
final class PodPools implements AddressReservations.PoolChoice {

  /** Runtimes know of a pod before the agent does; a watch that is later than that is broken. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final SourceFeature source;
  private final String defaultPool;

  PodPools(SourceFeature source, String defaultPool) {
    this.source = source;
    this.defaultPool = defaultPool;
  }

  @Override
  public String pool(String owner, IpFamily family) {
    int slash = owner.indexOf('/');
    if (source.source().isEmpty() || slash <= 0) {
      return defaultPool;
    }
    KubernetesSource from = source.source().get();
    String namespace = owner.substring(0, slash);
    // Of a pod's second device the owner has the device's name behind a colon.
    int colon = owner.indexOf(':', slash);
    String name = owner.substring(slash + 1, colon < 0 ? owner.length() : colon);
    var key = new ResourceKey("Pod", namespace, name);
    if (from.hasEveryPod()) {
      var _ =
          Tables.await(from.pods(), () -> from.pods().get(key).isPresent(), PATIENCE)
              && Tables.await(
                  from.namespaces(), () -> from.namespaces().get(namespace).isPresent(), PATIENCE);
    }
    Optional<Pod> pod = from.pods().get(key);
    Optional<Namespace> around = from.namespaces().get(namespace);
    // An address of another pool than the pod's would stay with it.
    if (from.hasEveryPod() && (pod.isEmpty() || around.isEmpty())) {
      throw new IpamException(
          "no address for "
              + owner
              + ": Kubernetes has not told of "
              + (pod.isEmpty() ? "the pod" : "its namespace")
              + " yet, and so not which pool it is to have one of");
    }
    return pod.flatMap(each -> each.pools().of(family))
        .or(() -> around.flatMap(each -> each.pools().of(family)))
        .orElse(defaultPool);
  }
}
