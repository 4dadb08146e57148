// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpAddress;
import java.util.List;
import java.util.Map;

/**
 * A Kubernetes service, as far as {@code toServices} looks at it.
 *
 * @param namespace its namespace
 * @param name its name
 * @param labels its own labels
 * @param selector the labels of the pods behind it; empty for a service without selector
 * @param backends the addresses behind a service without selector
 */
public record PolicyService(
    String namespace,
    String name,
    Map<String, String> labels,
    Map<String, String> selector,
    List<IpAddress> backends) {
  public PolicyService {
    labels = Map.copyOf(labels);
    selector = Map.copyOf(selector);
    backends = List.copyOf(backends);
  }
}
