// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/** The rules of an endpoint that name ports. */
public record L4Policy(List<PolicyRule> ingress, List<PolicyRule> egress) {
  public L4Policy {
    ingress = Absent.list(ingress);
    egress = Absent.list(egress);
  }
}
