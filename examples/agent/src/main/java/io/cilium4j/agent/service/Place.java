// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.core.service.Backend;

/**
 * A backend and where it is.
 *
 * @param node the node that it is on; empty where nobody says
 */
public record Place(Backend backend, String node) {}
