// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import java.util.ArrayList;
import java.util.List;

/**
 * Everything that services have at one address.
 *
 * @param frontends those of Kubernetes first, in the order of their ports, then those of the API
 */
record AddressFrontends(IpAddress address, List<Frontend> frontends) {
  AddressFrontends {
    frontends = List.copyOf(frontends);
  }

  /** Nothing at all. */
  static AddressFrontends none(IpAddress address) {
    return new AddressFrontends(address, List.of());
  }

  /**
   * What the datapath is to hold. What a ClusterIP is asked beside its ports goes nowhere: such a
   * row has the number of the first of the address's frontends.
   */
  List<FrontendRow> rows() {
    List<FrontendRow> rows = new ArrayList<>();
    for (Frontend frontend : frontends) {
      if (!frontend.isInForce()) {
        continue;
      }
      if (rows.isEmpty()
          && frontend.owner() instanceof KubernetesService service
          && service.owns(address)) {
        rows.add(new FrontendRow(FrontendKey.rest(address), frontend.number(), List.of(), 0));
      }
      rows.addAll(frontend.rows());
    }
    return rows;
  }
}
