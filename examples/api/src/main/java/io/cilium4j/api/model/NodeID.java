// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;

/** The number that stands for a node in the datapath. */
public record NodeID(@JsonInclude(JsonInclude.Include.ALWAYS) long id, List<String> ips) {
  public NodeID {
    ips = Absent.list(ips);
  }
}
