// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/** The maps, without their entries. */
public record BPFMapList(List<BPFMap> maps) {
  public BPFMapList {
    maps = Absent.list(maps);
  }
}
