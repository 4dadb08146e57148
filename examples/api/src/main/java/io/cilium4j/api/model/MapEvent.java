// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * A change of one entry of a map.
 *
 * @param action one of {@code update}, {@code delete}
 * @param desiredAction one of {@code ok}, {@code insert}, {@code delete}
 * @param lastError why the last attempt failed; empty when it did not
 */
public record MapEvent(
    String timestamp,
    String key,
    String value,
    String action,
    @JsonProperty("desired-action") String desiredAction,
    @JsonProperty("last-error") String lastError) {
  public MapEvent {
    timestamp = Absent.text(timestamp);
    key = Absent.text(key);
    value = Absent.text(value);
    action = Absent.text(action);
    desiredAction = Absent.text(desiredAction);
    lastError = Absent.text(lastError);
  }
}
