// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** The numbers that this cluster gives to its identities. */
public record IdentityRange(
    @JsonProperty("min-identity") long minIdentity,
    @JsonProperty("max-identity") long maxIdentity) {}
