// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.FrontendMapping;
import io.cilium4j.api.model.LRPSpec;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.JsonNode;

/**
 * Local redirect policies, from the objects of Kubernetes. Each frontend is listed without
 * backends: nothing is redirected yet.
 */
final class RedirectReader {

  private static final String KIND = "CiliumLocalRedirectPolicy";

  private RedirectReader() {}

  static List<LRPSpec> read(Snapshot<ResourceKey, RawResource> resources) {
    List<LRPSpec> policies = new ArrayList<>();
    for (Row<ResourceKey, RawResource> row : resources) {
      if (row.key().kind().equals(KIND)) {
        policies.add(read(row.key(), ApiJson.mapper().valueToTree(row.value().object())));
      }
    }
    return policies;
  }

  private static LRPSpec read(ResourceKey key, JsonNode object) {
    JsonNode frontend = object.path("spec").path("redirectFrontend");
    JsonNode service = frontend.path("serviceMatcher");
    boolean byService = service.isObject();
    JsonNode matcher = byService ? service : frontend.path("addressMatcher");
    List<FrontendMapping> mappings = new ArrayList<>();
    for (JsonNode port : matcher.path("toPorts")) {
      mappings.add(mapping(matcher, port));
    }
    return new LRPSpec(
        object.path("metadata").path("uid").asString(""),
        key.name(),
        key.namespace(),
        frontendType(byService, mappings.size()),
        byService ? "svc" : "addr",
        byService
            ? service.path("namespace").asString(key.namespace())
                + "/"
                + service.path("serviceName").asString("")
            : "",
        mappings);
  }

  private static FrontendMapping mapping(JsonNode matcher, JsonNode port) {
    return new FrontendMapping(
        new FrontendAddress(
            matcher.path("ip").asString(""),
            port.path("protocol").asString("").toLowerCase(Locale.ROOT),
            "",
            port.path("port").asInt(0)),
        List.of());
  }

  private static String frontendType(boolean byService, int ports) {
    if (byService) {
      return ports == 0 ? "svc-all-ports" : ports == 1 ? "svc-single-port" : "svc-named-ports";
    }
    return ports == 1 ? "addr-single-port" : "addr-named-ports";
  }
}
