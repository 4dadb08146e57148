// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import java.util.Arrays;
import java.util.Optional;

/** What a runtime asks for: {@code CNI_COMMAND}. */
enum CniVerb {
  ADD(CniVersion.V0_3_1),
  DEL(CniVersion.V0_3_1),
  CHECK(CniVersion.V0_4_0),
  STATUS(CniVersion.V1_1_0),
  GC(CniVersion.V1_1_0),
  VERSION(CniVersion.V0_3_1);

  private final CniVersion since;

  CniVerb(CniVersion since) {
    this.since = since;
  }

  /** The version that brought it. */
  CniVersion since() {
    return since;
  }

  static Optional<CniVerb> tryParse(String text) {
    return Arrays.stream(values()).filter(each -> each.name().equals(text)).findFirst();
  }
}
