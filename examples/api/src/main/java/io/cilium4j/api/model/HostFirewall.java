// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/**
 * Whether policies are enforced on the node itself.
 *
 * @param mode one of {@code Disabled}, {@code Enabled}
 */
public record HostFirewall(String mode, List<String> devices) {
  public HostFirewall {
    mode = Absent.text(mode);
    devices = Absent.list(devices);
  }
}
