// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import org.jspecify.annotations.Nullable;

/** An endpoint's labels: those the user gave, and all that are in force. */
public record LabelConfiguration(
    @Nullable LabelConfigurationSpec spec, @Nullable LabelConfigurationStatus status) {}
