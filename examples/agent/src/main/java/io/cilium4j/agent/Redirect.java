// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.TrafficDirection;
import java.util.Comparator;

/**
 * What the policy of an endpoint leads through the proxy.
 *
 * @param endpointId whose policy
 * @param direction {@code INGRESS} for what the endpoint is sent
 * @param protocol the IP protocol's number
 * @param port the destination port; 0 for all
 * @param listener the proxy's listener, as policies name it
 * @param proxyPort the number that stands for that listener
 */
public record Redirect(
    int endpointId,
    TrafficDirection direction,
    int protocol,
    int port,
    String listener,
    int proxyPort)
    implements Comparable<Redirect> {

  private static final Comparator<Redirect> ORDER =
      Comparator.comparingInt(Redirect::endpointId)
          .thenComparing(Redirect::direction)
          .thenComparingInt(Redirect::protocol)
          .thenComparingInt(Redirect::port)
          .thenComparing(Redirect::listener)
          .thenComparingInt(Redirect::proxyPort);

  @Override
  public int compareTo(Redirect other) {
    return ORDER.compare(this, other);
  }
}
