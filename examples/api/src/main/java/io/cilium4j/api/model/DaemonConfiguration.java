// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** The agent's configuration: what can be changed, and what is in force. */
public record DaemonConfiguration(
    @Nullable DaemonConfigurationSpec spec, @Nullable DaemonConfigurationStatus status) {}
