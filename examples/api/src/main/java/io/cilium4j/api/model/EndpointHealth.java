// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * An endpoint's health in brief.
 *
 * @param overallHealth the worst of the others: {@code OK}, {@code Bootstrap}, {@code Pending},
 *     {@code Warning}, {@code Failure}, {@code Disabled}
 * @param bpf one of {@code OK}, {@code Bootstrap}, {@code Pending}, {@code Warning}, {@code
 *     Failure}, {@code Disabled}
 * @param policy one of {@code OK}, {@code Bootstrap}, {@code Pending}, {@code Warning}, {@code
 *     Failure}, {@code Disabled}
 * @param connected whether its device is there
 */
public record EndpointHealth(String overallHealth, String bpf, String policy, boolean connected) {
  public EndpointHealth {
    overallHealth = Absent.text(overallHealth);
    bpf = Absent.text(bpf);
    policy = Absent.text(policy);
  }
}
