// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** The control groups of the node's pods. */
public record CgroupDumpMetadata(
    @JsonProperty("pod-metadatas") List<CgroupPodMetadata> podMetadatas) {
  public CgroupDumpMetadata {
    podMetadatas = Absent.list(podMetadatas);
  }
}
