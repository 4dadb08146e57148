// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.UInt32Value;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Label;
import io.cilium4j.datapath.observer.proto.AgentEvent;
import io.cilium4j.datapath.observer.proto.AgentEventType;
import io.cilium4j.datapath.observer.proto.EndpointRegenNotification;
import io.cilium4j.datapath.observer.proto.EndpointUpdateNotification;
import io.cilium4j.datapath.observer.proto.IPCacheNotification;
import io.cilium4j.datapath.observer.proto.PolicyUpdateNotification;
import io.cilium4j.datapath.observer.proto.TimeNotification;
import java.util.List;
import java.util.stream.StreamSupport;

/** Events of the agent as messages of the protocol. */
final class AgentMessages {

  private AgentMessages() {}

  static AgentEvent message(AgentNote note) {
    var message = AgentEvent.newBuilder();
    switch (note) {
      case AgentNote.Started(var time) ->
          message
              .setType(AgentEventType.AGENT_STARTED)
              .setAgentStart(TimeNotification.newBuilder().setTime(FlowMessages.timestamp(time)));
      case AgentNote.PolicyChanged(var isDeleted, var labels, var revision, var rules) ->
          message
              .setType(isDeleted ? AgentEventType.POLICY_DELETED : AgentEventType.POLICY_UPDATED)
              .setPolicyUpdate(
                  PolicyUpdateNotification.newBuilder()
                      .addAllLabels(labels)
                      .setRevision(revision)
                      .setRuleCount(rules));
      case AgentNote.EndpointRegenerated(var endpoint, var error) ->
          message
              .setType(
                  error.isPresent()
                      ? AgentEventType.ENDPOINT_REGENERATE_FAILURE
                      : AgentEventType.ENDPOINT_REGENERATE_SUCCESS)
              .setEndpointRegenerate(
                  EndpointRegenNotification.newBuilder()
                      .setId(endpoint.id())
                      .addAllLabels(labels(endpoint))
                      .setError(error.orElse("")));
      case AgentNote.EndpointChanged(var isDeleted, var endpoint) ->
          message
              .setType(
                  isDeleted ? AgentEventType.ENDPOINT_DELETED : AgentEventType.ENDPOINT_CREATED)
              .setEndpointUpdate(
                  EndpointUpdateNotification.newBuilder()
                      .setId(endpoint.id())
                      .addAllLabels(labels(endpoint))
                      .setPodName(Endpoint.kubernetesName(endpoint.name()))
                      .setNamespace(endpoint.namespace()));
      case AgentNote.IpcacheChanged(var isDeleted, var entry, var former) -> {
        var told =
            IPCacheNotification.newBuilder()
                .setCidr(entry.prefix().toString())
                .setIdentity(entry.identity())
                .setHostIp(node(entry));
        former.ifPresent(before ->
            told.setOldIdentity(UInt32Value.of(before.identity())).setOldHostIp(node(before)));
        message
            .setType(isDeleted ? AgentEventType.IPCACHE_DELETED : AgentEventType.IPCACHE_UPSERTED)
            .setIpcacheUpdate(told);
      }
    }
    return message.build();
  }

  private static String node(IpcacheEntry entry) {
    return entry.tunnelEndpoint().map(IpAddress::toString).orElse("");
  }

  private static List<String> labels(Endpoint endpoint) {
    return StreamSupport.stream(endpoint.labels().sorted().spliterator(), false)
        .map(Label::toString)
        .toList();
  }
}
