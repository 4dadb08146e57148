// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cni;

import io.cilium4j.agent.feature.EndpointFeature;
import io.cilium4j.agent.state.Tables;
import io.cilium4j.core.spi.KubernetesSource;
import java.time.Duration;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits for a pod of which the kubelet knew before the agent did. Its labels decide its identity;
 * without them it would begin its life with another one, and its connections be refused. The
 * namespace has labels that count as well.
 */
public final class PodArrival {
  private static final Logger LOG = LoggerFactory.getLogger(PodArrival.class);

  /** A watch of the API server is that late only if something is wrong with it. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  private final Optional<KubernetesSource> source;
  private final EndpointFeature endpoints;

  /**
   * Waits for the pods of a source.
   *
   * @param source absent where nobody tells of pods
   */
  public PodArrival(Optional<KubernetesSource> source, EndpointFeature endpoints) {
    this.source = source.filter(KubernetesSource::hasEveryPod);
    this.endpoints = endpoints;
  }

  /** Returns once the pod is known, or when it is not soon; then it follows later. */
  void await(CniPod pod) {
    if (source.isEmpty() || !pod.isOfKubernetes()) {
      return;
    }
    KubernetesSource from = source.get();
    boolean isKnown =
        Tables.await(
                from.pods(),
                () -> endpoints.podOf(pod.namespace(), pod.name(), pod.uid()).isPresent(),
                PATIENCE)
            && Tables.await(
                from.namespaces(),
                () -> from.namespaces().get(pod.namespace()).isPresent(),
                PATIENCE);
    if (!isKnown) {
      LOG.warn(
          "pod not known yet, its labels follow namespace={} pod={} uid={}",
          pod.namespace(),
          pod.name(),
          pod.uid());
    }
  }
}
