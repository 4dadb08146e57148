// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.FrontendMapping;
import io.cilium4j.api.model.LRPBackend;
import io.cilium4j.api.model.LRPSpec;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.service.Frontend;
import io.cilium4j.service.PlacedBackend;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * Local redirect policies, from the objects of Kubernetes, with the frontends that they redirect
 * now. A policy that redirects nothing is listed with the ports that it names, without backends.
 */
final class RedirectReader {

  private static final String KIND = "CiliumLocalRedirectPolicy";

  private final Map<ResourceKey, List<Frontend>> frontends = new HashMap<>();
  private final Map<IpAddress, String> pods = new HashMap<>();

  private RedirectReader() {}

  static List<LRPSpec> read(
      Snapshot<ResourceKey, RawResource> resources,
      Snapshot<Long, Frontend> frontends,
      Snapshot<ResourceKey, Pod> pods) {
    List<Row<ResourceKey, RawResource>> policies =
        resources.stream().filter(row -> row.key().kind().equals(KIND)).toList();
    if (policies.isEmpty()) {
      return List.of();
    }
    var reader = new RedirectReader();
    frontends.forEach(row -> {
      Frontend frontend = row.value();
      frontend
          .policy()
          .ifPresent(policy ->
              reader.frontends.computeIfAbsent(policy, _ -> new ArrayList<>()).add(frontend));
    });
    pods.forEach(row -> {
      Pod pod = row.value();
      pod.addresses()
          .forEach(address -> reader.pods.put(address, pod.namespace() + "/" + pod.name()));
    });
    return policies.stream()
        .map(row -> reader.read(row.key(), ApiJson.mapper().valueToTree(row.value().object())))
        .toList();
  }

  private LRPSpec read(ResourceKey key, JsonNode object) {
    JsonNode frontend = object.path("spec").path("redirectFrontend");
    JsonNode service = frontend.path("serviceMatcher");
    boolean byService = service.isObject();
    JsonNode matcher = byService ? service : frontend.path("addressMatcher");
    List<FrontendMapping> mappings = new ArrayList<>();
    frontends.getOrDefault(key, List.of()).forEach(each -> mappings.add(mapping(each)));
    if (mappings.isEmpty()) {
      matcher.path("toPorts").forEach(port -> mappings.add(mapping(matcher, port)));
    }
    return new LRPSpec(
        object.path("metadata").path("uid").asString(""),
        key.name(),
        key.namespace(),
        frontendType(byService, matcher.path("toPorts").size()),
        byService ? "svc" : "addr",
        byService
            ? service.path("namespace").asString(key.namespace())
                + "/"
                + service.path("serviceName").asString("")
            : "",
        mappings);
  }

  private FrontendMapping mapping(Frontend frontend) {
    FrontendKey key = frontend.key();
    return new FrontendMapping(
        new FrontendAddress(
            key.address().toString(),
            key.protocol().name().toLowerCase(Locale.ROOT),
            "external",
            key.port()),
        frontend.backends().stream().map(this::backend).toList());
  }

  private LRPBackend backend(PlacedBackend place) {
    Backend backend = place.backend();
    return new LRPBackend(
        pods.getOrDefault(backend.address(), ""),
        new BackendAddress(
            backend.address().toString(),
            backend.port(),
            place.node(),
            backend.state().text(),
            false,
            null));
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
