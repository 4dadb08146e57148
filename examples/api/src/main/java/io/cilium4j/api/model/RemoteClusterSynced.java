// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** What has been taken over from the other cluster. */
public record RemoteClusterSynced(
    boolean nodes, boolean services, boolean endpoints, boolean identities) {}
