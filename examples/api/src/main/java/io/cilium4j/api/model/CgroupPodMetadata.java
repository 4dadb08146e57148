// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/** The control groups of one pod's containers. */
public record CgroupPodMetadata(
    String name, String namespace, List<CgroupContainerMetadata> containers, List<String> ips) {
  public CgroupPodMetadata {
    name = Absent.text(name);
    namespace = Absent.text(namespace);
    containers = Absent.list(containers);
    ips = Absent.list(ips);
  }
}
