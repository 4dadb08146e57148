// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentBuilder;
import io.cilium4j.agent.RecordingDatapath;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiResponse;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.api.model.IPAMResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** An agent on a datapath that remembers, with its API on a socket of its own. */
final class RestBench implements AutoCloseable {

  static final Duration PATIENCE = Duration.ofSeconds(40);

  final RecordingDatapath datapath = new RecordingDatapath();
  final Agent agent;
  final RestServer server;
  final ApiClient client;

  RestBench(Path folder, RestConfig.Limits limits, String... podCidrs) throws IOException {
    this(folder, limits, builder -> builder.podCidrs(podCidrs));
  }

  /** An agent that is configured further. */
  RestBench(Path folder, RestConfig.Limits limits, UnaryOperator<AgentBuilder<Agent>> more)
      throws IOException {
    Files.createDirectories(folder.resolve("manifests"));
    agent =
        more.apply(
                Agent.builder()
                    .instance("t")
                    .datapath(datapath)
                    .stateFolder(folder.resolve("state"))
                    .manifests(folder.resolve("manifests"))
                    .nodeName("node-1")
                    .prefilter(true))
            .build();
    agent.start();
    Path socket = folder.resolve("api.sock");
    server = RestServer.start(agent, new RestConfig(socket, limits));
    client = new ApiClient(socket, PATIENCE);
  }

  RestBench(Path folder) throws IOException {
    this(folder, RestConfig.Limits.DEFAULT, "10.1.0.0/24", "fd00:1::/112");
  }

  ApiResponse call(String method, String path, @Nullable Object body) {
    return client.call(method, path, body);
  }

  ApiResponse get(String path) {
    return client.call("GET", path, null);
  }

  /** What a CNI plugin sends for a pod, addresses included. */
  EndpointChangeRequest wanted(String pod, int ifindex) {
    IPAMResponse addresses =
        client
            .call("POST", "/ipam?owner=default%2F" + pod, Map.of("expiration", "true"), null)
            .as(IPAMResponse.class);
    AddressPair given = Objects.requireNonNull(addresses.address());
    return EndpointChangeRequest.builder()
        .containerId("c-" + pod)
        .containerInterfaceName("eth0")
        .interfaceName("lxc" + ifindex)
        .interfaceIndex(ifindex)
        .mac("02:00:00:00:00:02")
        .hostMac("02:00:00:00:00:01")
        .k8sPodName(pod)
        .k8sNamespace("default")
        .labels(List.of("k8s:app=" + pod))
        .state("waiting-for-identity")
        .syncBuildEndpoint(true)
        .addressing(given)
        .build();
  }

  /** Makes an endpoint as a CNI plugin does; gives its number. */
  long create(String pod, int ifindex) {
    return call("PUT", "/endpoint/cilium-local:0", wanted(pod, ifindex))
        .as(io.cilium4j.api.model.Endpoint.class)
        .id();
  }

  @Override
  public void close() {
    server.close();
    agent.stop();
  }
}
