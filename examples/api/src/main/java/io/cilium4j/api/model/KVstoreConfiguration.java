// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.Map;

/** Which key-value store is used. */
public record KVstoreConfiguration(String type, Map<String, String> options) {
  public KVstoreConfiguration {
    type = Absent.text(type);
    options = Absent.map(options);
  }
}
