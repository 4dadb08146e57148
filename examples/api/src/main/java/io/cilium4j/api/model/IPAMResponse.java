// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import org.jspecify.annotations.Nullable;

/**
 * Addresses that were allocated, and the node's own, which are the pod's next hops.
 *
 * @param hostAddressing the node's addresses, by family
 */
public record IPAMResponse(
    @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable AddressPair address,
    @Nullable IPAMAddressResponse ipv4,
    @Nullable IPAMAddressResponse ipv6,
    @JsonInclude(JsonInclude.Include.ALWAYS) @JsonProperty("host-addressing")
        @Nullable NodeAddressing hostAddressing) {}
