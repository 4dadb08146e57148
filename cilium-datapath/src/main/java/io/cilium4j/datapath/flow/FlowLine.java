// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** A flow as fields with names, in the order in which they are written. */
final class FlowLine {
  private FlowLine() {}

  static Map<String, Object> fields(Flow flow) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("verdict", lower(flow.verdict()));
    flow.drop().ifPresent(reason -> fields.put("reason", reason.toString()));
    fields.put("direction", lower(flow.direction()));
    fields.put("source", address(flow.source(), flow.sourcePort()));
    fields.put("source-identity", flow.sourceIdentity());
    fields.put("destination", address(flow.destination(), flow.destinationPort()));
    fields.put("destination-identity", flow.destinationIdentity());
    fields.put("protocol", Protocol.nameOf(flow.protocol()));
    fields.put("endpoint", flow.endpointId());
    fields.put("cookie", flow.cookie());
    flow.trace()
        .ifPresent(trace -> {
          fields.put("trace", lower(trace.point()));
          fields.put("life", lower(trace.life()));
        });
    if (flow.suppressed() > 0) {
      fields.put("suppressed", flow.suppressed());
    }
    return fields;
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String address(IpAddress address, int port) {
    return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + port;
  }
}
