// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.FieldMask;
import com.google.protobuf.util.FieldMaskUtil;
import io.cilium4j.datapath.observer.proto.Flow;
import java.util.function.UnaryOperator;

/** The fields of a flow that a client wants. */
final class FlowMask {

  private FlowMask() {}

  /**
   * Leaves the fields of a mask, or all if it is empty.
   *
   * @throws IllegalArgumentException with a line for people if there is no such field
   */
  static UnaryOperator<Flow> of(FieldMask mask) {
    if (mask.getPathsCount() == 0) {
      return flow -> flow;
    }
    for (String path : mask.getPathsList()) {
      if (!FieldMaskUtil.isValid(Flow.class, path)) {
        throw new IllegalArgumentException("field_mask: " + path + ": no such field of a flow");
      }
    }
    return flow -> FieldMaskUtil.trim(mask, flow);
  }
}
