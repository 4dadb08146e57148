// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/** A cluster this one is joined with. */
public record RemoteCluster(
    String name,
    boolean ready,
    boolean connected,
    @Nullable RemoteClusterSynced synced,
    @Nullable RemoteClusterConfig config,
    @JsonProperty("num-nodes") long numNodes,
    @JsonProperty("num-shared-services") long numSharedServices,
    @JsonProperty("num-identities") long numIdentities,
    @JsonProperty("num-endpoints") long numEndpoints,
    String status,
    @JsonProperty("num-failures") long numFailures,
    @JsonProperty("last-failure") String lastFailure) {
  public RemoteCluster {
    name = Absent.text(name);
    status = Absent.text(status);
    lastFailure = Absent.text(lastFailure);
  }
}
