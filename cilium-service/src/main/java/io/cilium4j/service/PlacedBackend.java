// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.service.Backend;

/**
 * A backend and where it is.
 *
 * @param node the node that it is on; empty where nobody says
 */
public record PlacedBackend(Backend backend, String node) {}
