// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/** How the parts of the agent fare. */
public record ModulesHealth(List<ModuleHealth> modules) {
  public ModulesHealth {
    modules = Absent.list(modules);
  }
}
