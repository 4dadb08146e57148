// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.agent.EndpointEvent;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.EndpointConfigurationSpec;
import io.cilium4j.api.model.EndpointHealth;
import io.cilium4j.api.model.EndpointIdentifiers;
import io.cilium4j.api.model.EndpointNetworking;
import io.cilium4j.api.model.EndpointStatus;
import io.cilium4j.api.model.EndpointStatusChange;
import io.cilium4j.api.model.LabelConfiguration;
import io.cilium4j.api.model.LabelConfigurationSpec;
import io.cilium4j.api.model.LabelConfigurationStatus;
import io.cilium4j.api.model.Port;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.policy.controller.PolicyProgress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.TreeMap;

/** An endpoint as the API shows it. */
final class EndpointView {

  /** Where the kernel lists the devices of our namespace. */
  private static final Path DEVICES = Path.of("/sys/class/net");

  private final Agent agent;

  EndpointView(Agent agent) {
    this.agent = agent;
  }

  /** With its whole log. */
  Endpoint full(io.cilium4j.core.Endpoint endpoint) {
    return view(endpoint, log(endpoint));
  }

  /** As in a list, with the last line of its log alone. */
  Endpoint listed(io.cilium4j.core.Endpoint endpoint) {
    return view(endpoint, log(endpoint).stream().limit(1).toList());
  }

  private Endpoint view(io.cilium4j.core.Endpoint endpoint, List<EndpointStatusChange> log) {
    EndpointConfigurationSpec configuration = configuration(endpoint);
    var status =
        EndpointStatus.builder()
            .externalIdentifiers(identifiers(endpoint))
            .identity(IdentityOperations.view(new Identity(endpoint.identity(), endpoint.labels())))
            .labels(labels(endpoint).status())
            .realized(configuration)
            .networking(networking(endpoint))
            .policy(
                agent
                    .policyProgress(endpoint)
                    .map(each ->
                        PolicyView.of(endpoint, each, ProxyView.statistics(agent, endpoint.id())))
                    .orElseGet(PolicyView::ofUnknown))
            .log(log)
            .state(endpoint.state().toString())
            .health(health(endpoint))
            .namedPorts(namedPorts(endpoint))
            .build();
    return new Endpoint(endpoint.id(), configuration, status);
  }

  private Optional<EndpointDetails> details(io.cilium4j.core.Endpoint endpoint) {
    return agent.endpointDetails().get(endpoint.id());
  }

  private Names names(io.cilium4j.core.Endpoint endpoint) {
    return details(endpoint).map(EndpointDetails::names).orElse(Names.NONE);
  }

  private EndpointIdentifiers identifiers(io.cilium4j.core.Endpoint endpoint) {
    Names names = names(endpoint);
    var identifiers =
        EndpointIdentifiers.builder()
            .cniAttachmentId(names.attachment().orElse(""))
            .k8sPodName(endpoint.namespace().isEmpty() ? "" : endpoint.name())
            .k8sNamespace(endpoint.namespace());
    if (!names.attachmentOnly()) {
      identifiers
          .containerId(names.containerId())
          .containerName(names.containerName())
          .dockerEndpointId(names.dockerEndpointId())
          .dockerNetworkId(names.dockerNetworkId())
          .podName(endpoint.namespace().isEmpty() ? "" : endpoint.podName());
    }
    return identifiers.build();
  }

  EndpointConfigurationSpec configuration(io.cilium4j.core.Endpoint endpoint) {
    return new EndpointConfigurationSpec(
        ApiOptions.texts(agent.options().optionsOf(endpoint.id())),
        new LabelConfigurationSpec(ApiLabels.texts(userLabels(endpoint))));
  }

  private Labels userLabels(io.cilium4j.core.Endpoint endpoint) {
    return details(endpoint).map(EndpointDetails::userLabels).orElse(Labels.EMPTY);
  }

  /** Every label of an endpoint, relevant to its identity or not. */
  Labels allLabels(io.cilium4j.core.Endpoint endpoint) {
    return details(endpoint)
        .map(EndpointDetails::derivedLabels)
        .orElse(Labels.EMPTY)
        .with(endpoint.labels().sorted());
  }

  LabelConfiguration labels(io.cilium4j.core.Endpoint endpoint) {
    var user = new LabelConfigurationSpec(ApiLabels.texts(userLabels(endpoint)));
    Labels derived = details(endpoint).map(EndpointDetails::derivedLabels).orElse(Labels.EMPTY);
    return new LabelConfiguration(
        user,
        new LabelConfigurationStatus(
            user, ApiLabels.texts(endpoint.labels()), ApiLabels.texts(derived), List.of()));
  }

  private EndpointNetworking networking(io.cilium4j.core.Endpoint endpoint) {
    var pair =
        AddressPair.builder()
            .ipv4(endpoint.address(IpFamily.IPV4).map(Object::toString).orElse(""))
            .ipv6(endpoint.address(IpFamily.IPV6).map(Object::toString).orElse(""))
            .build();
    return EndpointNetworking.builder()
        .addressing(List.of(pair))
        .hostAddressing(NodeView.addressing(agent))
        .hostMac(endpoint.device().hostMac().toString())
        .mac(endpoint.device().podMac().toString())
        .interfaceName(endpoint.device().hostName())
        .interfaceIndex(endpoint.device().hostIfindex())
        .containerInterfaceName(names(endpoint).containerInterface())
        .build();
  }

  /** The steps of its life, the newest first. */
  List<EndpointStatusChange> log(io.cilium4j.core.Endpoint endpoint) {
    List<EndpointStatusChange> log = new ArrayList<>();
    for (EndpointEvent event : agent.endpointLog(endpoint.id())) {
      log.add(
          new EndpointStatusChange(
              event.time().toString(),
              event.outcome().name().toLowerCase(Locale.ROOT),
              event.message(),
              event.state().toString()));
    }
    return log;
  }

  private static List<Port> namedPorts(io.cilium4j.core.Endpoint endpoint) {
    List<Port> ports = new ArrayList<>();
    new TreeMap<>(endpoint.namedPorts())
        .forEach((name, port) ->
            ports.add(new Port(Protocol.nameOf(port.protocol()), port.port(), name)));
    return ports;
  }

  /**
   * The datapath's part and the policy's are one here: a row is enforced with its policy. Only of
   * rules that contradict each other there is no policy to enforce.
   */
  EndpointHealth health(io.cilium4j.core.Endpoint endpoint) {
    Optional<PolicyProgress> progress = agent.policyProgress(endpoint);
    Optional<RowStatus> status = progress.flatMap(PolicyProgress::status);
    boolean contradicting = progress.flatMap(each -> each.compiled().conflict()).isPresent();
    boolean connected = endpoint.isHost() || isConnected(endpoint);
    String datapath =
        switch (status.orElse(null)) {
          case null -> "Bootstrap";
          case RowStatus.Pending _ ->
              endpoint.state() == EndpointState.NOT_READY ? "Bootstrap" : "Pending";
          case RowStatus.Done _ -> "OK";
          case RowStatus.Failed _ -> "Failure";
        };
    String overall = connected || !datapath.equals("OK") ? datapath : "Warning";
    return contradicting
        ? new EndpointHealth("Failure", datapath, "Failure", connected)
        : new EndpointHealth(overall, datapath, datapath, connected);
  }

  private boolean isConnected(io.cilium4j.core.Endpoint endpoint) {
    return !agent.endpointsWithoutDevice().contains(endpoint.id())
        && Files.exists(DEVICES.resolve(endpoint.device().hostName()));
  }
}
