// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** What a proxy did with requests and responses. */
public record RequestResponseStatistics(
    @Nullable MessageForwardingStatistics requests,
    @Nullable MessageForwardingStatistics responses) {}
