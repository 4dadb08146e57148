// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/** The clusters this one is joined with. */
public record ClusterMeshStatus(
    List<RemoteCluster> clusters, @JsonProperty("num-global-services") long numGlobalServices) {
  public ClusterMeshStatus {
    clusters = Absent.list(clusters);
  }
}
