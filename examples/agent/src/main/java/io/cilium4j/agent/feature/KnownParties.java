// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.EndpointIndexes;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Pod;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.FlowParty.Device;
import io.cilium4j.datapath.flow.FlowParty.Facts;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Who has an address, as far as this node knows: its endpoints, those that other nodes tell of, and
 * others by their identity.
 */
record KnownParties(
    Table<Integer, Identity> identities,
    Table<Integer, Endpoint> endpoints,
    Table<ResourceKey, Pod> pods,
    KnownAddresses addresses,
    DnsCache names)
    implements FlowLog.Parties {

  @Override
  public FlowParty of(FlowLog.End end) {
    Labels labels = identities.get(end.identity()).map(Identity::labels).orElse(Labels.EMPTY);
    Optional<Endpoint> endpoint =
        end.endpointId() == 0 ? endpointOf(end.address()) : endpoints.get(end.endpointId());
    if (endpoint.isPresent()) {
      Endpoint own = endpoint.get();
      String pod = Endpoint.kubernetesName(own.name());
      var device = new Device(own.device().hostIfindex(), own.device().hostName());
      return new FlowParty(
          own.id(),
          end.identity(),
          labels,
          own.namespace(),
          pod,
          facts(end, own.namespace(), pod, Optional.of(device)));
    }
    String namespace = PodLabels.namespaceOf(labels).orElse("");
    // An address may be another pod's by now; its namespace at least is that of the labels.
    String pod =
        addresses
            .pod(end.address())
            .filter(key -> key.namespace().equals(namespace))
            .map(ResourceKey::name)
            .orElse("");
    return new FlowParty(
        end.endpointId(),
        end.identity(),
        labels,
        namespace,
        pod,
        facts(end, namespace, pod, Optional.empty()));
  }

  private Facts facts(FlowLog.End end, String namespace, String pod, Optional<Device> device) {
    Optional<Pod.Workload> workload =
        pod.isEmpty()
            ? Optional.empty()
            : pods.get(new ResourceKey("Pod", namespace, pod)).flatMap(Pod::workload);
    Optional<ResourceKey> service = addresses.service(end.address(), end.port());
    List<String> told =
        names.answers().snapshot().size() == 0
            ? List.of()
            : endpointOf(end.other())
                .map(other -> names.namesOf(other.id(), end.address()))
                .orElse(List.of());
    return workload.isEmpty() && service.isEmpty() && told.isEmpty() && device.isEmpty()
        ? Facts.NONE
        : new Facts(workload, service, told, device);
  }

  /** Of several endpoints that have an address the newest. */
  private Optional<Endpoint> endpointOf(IpAddress address) {
    return endpoints.snapshot().rows(EndpointIndexes.ADDRESS, address).stream()
        .map(Row::value)
        .max(Comparator.comparingInt(Endpoint::id));
  }
}
