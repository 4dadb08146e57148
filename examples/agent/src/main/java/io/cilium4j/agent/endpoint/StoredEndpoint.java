// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.core.Endpoint;

/** An endpoint as it was kept. */
public record StoredEndpoint(Endpoint endpoint, EndpointDetails details) {}
