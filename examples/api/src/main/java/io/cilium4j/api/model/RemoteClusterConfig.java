// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What the other cluster says of itself. */
public record RemoteClusterConfig(
    boolean required,
    boolean retrieved,
    @JsonProperty("cluster-id") long clusterId,
    boolean kvstoremesh,
    @JsonProperty("sync-canaries") boolean syncCanaries) {}
