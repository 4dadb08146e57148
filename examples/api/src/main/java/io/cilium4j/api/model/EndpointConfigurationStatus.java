// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An endpoint's options in force. */
public record EndpointConfigurationStatus(
    @Nullable EndpointConfigurationSpec realized, Map<String, String> immutable, String error) {
  public EndpointConfigurationStatus {
    immutable = Absent.map(immutable);
    error = Absent.text(error);
  }
}
