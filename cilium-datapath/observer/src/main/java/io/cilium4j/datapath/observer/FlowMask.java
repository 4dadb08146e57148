// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.FieldMask;
import com.google.protobuf.Message;
import io.cilium4j.datapath.observer.proto.Flow;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * The fields of a flow that a client wants. Read once for a call: the library's own trims a message
 * by reading the mask's paths again, which takes longer than all else that becomes of a flow.
 */
final class FlowMask {

  private FlowMask() {}

  /** A wanted field; with none below it is wanted whole. */
  private record Wanted(FieldDescriptor field, List<Wanted> below) {}

  /**
   * Leaves the fields of a mask, or all if it is empty.
   *
   * @throws IllegalArgumentException with a line for people if there is no such field
   */
  static UnaryOperator<Flow> of(FieldMask mask) {
    if (mask.getPathsCount() == 0) {
      return flow -> flow;
    }
    List<Wanted> wanted = wanted(Flow.getDescriptor(), mask.getPathsList(), "");
    return flow -> (Flow) trim(flow, wanted);
  }

  private static List<Wanted> wanted(Descriptor message, List<String> paths, String above) {
    Map<String, List<String>> byName = new LinkedHashMap<>();
    for (String path : paths) {
      int dot = path.indexOf('.');
      String name = dot < 0 ? path : path.substring(0, dot);
      byName
          .computeIfAbsent(name, _ -> new ArrayList<>())
          .add(dot < 0 ? "" : path.substring(dot + 1));
    }
    List<Wanted> wanted = new ArrayList<>();
    byName.forEach((name, below) -> {
      FieldDescriptor field = message.findFieldByName(name);
      boolean isWhole = below.contains("");
      boolean hasParts =
          field != null && !field.isRepeated() && field.getJavaType() == JavaType.MESSAGE;
      if (field == null || (!isWhole && !hasParts)) {
        String path = isWhole ? name : name + "." + below.getFirst();
        throw new IllegalArgumentException(
            "field_mask: " + above + path + ": no such field of a flow");
      }
      wanted.add(
          new Wanted(
              field,
              isWhole ? List.of() : wanted(field.getMessageType(), below, above + name + ".")));
    });
    return wanted;
  }

  private static Message trim(Message message, List<Wanted> wanted) {
    Message.Builder trimmed = message.newBuilderForType();
    for (Wanted each : wanted) {
      FieldDescriptor field = each.field();
      boolean isThere =
          field.isRepeated() ? message.getRepeatedFieldCount(field) > 0 : message.hasField(field);
      if (isThere) {
        Object value = message.getField(field);
        trimmed.setField(
            field, each.below().isEmpty() ? value : trim((Message) value, each.below()));
      }
    }
    return trimmed.build();
  }
}
