// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How one part of the agent fares. */
public record ModuleHealth(
    @JsonProperty("module-id") String moduleId,
    String level,
    String message,
    @JsonProperty("last-ok") String lastOk,
    @JsonProperty("last-updated") String lastUpdated) {
  public ModuleHealth {
    moduleId = Absent.text(moduleId);
    level = Absent.text(level);
    message = Absent.text(message);
    lastOk = Absent.text(lastOk);
    lastUpdated = Absent.text(lastUpdated);
  }
}
