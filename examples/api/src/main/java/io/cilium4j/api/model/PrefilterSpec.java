// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/**
 * Which prefixes shall be dropped.
 *
 * @param revision of the list; a change names the one it was made from
 */
public record PrefilterSpec(long revision, List<String> deny) {
  public PrefilterSpec {
    deny = Absent.list(deny);
  }
}
