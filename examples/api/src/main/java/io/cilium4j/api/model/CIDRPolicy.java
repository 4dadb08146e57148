// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/** The rules of an endpoint that name prefixes. */
public record CIDRPolicy(List<PolicyRule> ingress, List<PolicyRule> egress) {
  public CIDRPolicy {
    ingress = Absent.list(ingress);
    egress = Absent.list(egress);
  }
}
