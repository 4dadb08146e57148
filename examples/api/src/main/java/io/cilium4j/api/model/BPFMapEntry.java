// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * One entry of a map, key and value as text, with how far it is carried out.
 *
 * @param desiredAction one of {@code ok}, {@code insert}, {@code delete}
 * @param lastError why the last attempt failed; empty when it did not
 */
public record BPFMapEntry(
    String key,
    String value,
    @JsonProperty("desired-action") String desiredAction,
    @JsonProperty("last-error") String lastError) {
  public BPFMapEntry {
    key = Absent.text(key);
    value = Absent.text(value);
    desiredAction = Absent.text(desiredAction);
    lastError = Absent.text(lastError);
  }
}
