// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * What an endpoint wants of the datapath.
 *
 * @param externalIpam whether its addresses are not the agent's to release
 * @param requireRouting whether the node's stack routes its packets; absent for the agent's choice
 */
public record EndpointDatapathConfiguration(
    @JsonProperty("require-arp-passthrough") boolean requireArpPassthrough,
    @JsonProperty("require-egress-prog") boolean requireEgressProg,
    @JsonProperty("external-ipam") boolean externalIpam,
    @JsonInclude(JsonInclude.Include.NON_NULL) @JsonProperty("require-routing")
        @Nullable Boolean requireRouting,
    @JsonProperty("install-endpoint-route") boolean installEndpointRoute,
    @JsonProperty("disable-sip-verification") boolean disableSipVerification) {}
