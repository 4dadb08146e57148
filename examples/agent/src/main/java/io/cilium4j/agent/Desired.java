// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.spi.Datapath.EndpointRow;

/**
 * One thing that the datapath is to hold. Endpoints and ipcache entries share a table, so that a
 * change of both reaches the datapath in one batch and no packet is decided by half of it.
 */
sealed interface Desired {

  /** An endpoint with its policy. */
  record OfEndpoint(EndpointRow row) implements Desired {}

  /** What stands behind a prefix. */
  record OfPrefix(IpcacheEntry entry) implements Desired {}
}
