// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;
import java.util.Map;

/** The node's allocated addresses. */
public record IPAMStatus(
    Map<String, String> allocations, List<String> ipv4, List<String> ipv6, String status) {
  public IPAMStatus {
    allocations = Absent.map(allocations);
    ipv4 = Absent.list(ipv4);
    ipv6 = Absent.list(ipv6);
    status = Absent.text(status);
  }
}
