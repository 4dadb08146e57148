// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.Message;
import io.cilium4j.datapath.observer.proto.GetAgentEventsRequest;
import io.cilium4j.datapath.observer.proto.GetAgentEventsResponse;
import io.cilium4j.datapath.observer.proto.GetDebugEventsRequest;
import io.cilium4j.datapath.observer.proto.GetDebugEventsResponse;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import io.cilium4j.datapath.observer.proto.GetFlowsResponse;
import io.cilium4j.datapath.observer.proto.GetNamespacesRequest;
import io.cilium4j.datapath.observer.proto.GetNamespacesResponse;
import io.cilium4j.datapath.observer.proto.GetNodesRequest;
import io.cilium4j.datapath.observer.proto.GetNodesResponse;
import io.cilium4j.datapath.observer.proto.HealthCheckRequest;
import io.cilium4j.datapath.observer.proto.HealthCheckResponse;
import io.cilium4j.datapath.observer.proto.ServerStatusRequest;
import io.cilium4j.datapath.observer.proto.ServerStatusResponse;
import io.cilium4j.datapath.observer.proto.peer.ChangeNotification;
import io.cilium4j.datapath.observer.proto.peer.NotifyRequest;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.protobuf.ProtoUtils;

/** The protocol's calls. A server offers them, and tests call them, by these. */
final class Services {
  static final String OBSERVER = "observer.Observer";

  /** The name by which {@code hubble status} asks whether the observer serves. */
  static final String OBSERVER_HEALTH = "hubble.server.Observer";

  static final String PEER = "peer.Peer";
  static final String HEALTH = "grpc.health.v1.Health";

  static final MethodDescriptor<ServerStatusRequest, ServerStatusResponse> SERVER_STATUS =
      unary(
          OBSERVER,
          "ServerStatus",
          ServerStatusRequest.getDefaultInstance(),
          ServerStatusResponse.getDefaultInstance());

  static final MethodDescriptor<GetFlowsRequest, GetFlowsResponse> GET_FLOWS =
      streaming(
          OBSERVER,
          "GetFlows",
          GetFlowsRequest.getDefaultInstance(),
          GetFlowsResponse.getDefaultInstance());

  static final MethodDescriptor<GetAgentEventsRequest, GetAgentEventsResponse> GET_AGENT_EVENTS =
      streaming(
          OBSERVER,
          "GetAgentEvents",
          GetAgentEventsRequest.getDefaultInstance(),
          GetAgentEventsResponse.getDefaultInstance());

  static final MethodDescriptor<GetDebugEventsRequest, GetDebugEventsResponse> GET_DEBUG_EVENTS =
      streaming(
          OBSERVER,
          "GetDebugEvents",
          GetDebugEventsRequest.getDefaultInstance(),
          GetDebugEventsResponse.getDefaultInstance());

  static final MethodDescriptor<GetNodesRequest, GetNodesResponse> GET_NODES =
      unary(
          OBSERVER,
          "GetNodes",
          GetNodesRequest.getDefaultInstance(),
          GetNodesResponse.getDefaultInstance());

  static final MethodDescriptor<GetNamespacesRequest, GetNamespacesResponse> GET_NAMESPACES =
      unary(
          OBSERVER,
          "GetNamespaces",
          GetNamespacesRequest.getDefaultInstance(),
          GetNamespacesResponse.getDefaultInstance());

  static final MethodDescriptor<NotifyRequest, ChangeNotification> NOTIFY =
      streaming(
          PEER,
          "Notify",
          NotifyRequest.getDefaultInstance(),
          ChangeNotification.getDefaultInstance());

  static final MethodDescriptor<HealthCheckRequest, HealthCheckResponse> CHECK =
      unary(
          HEALTH,
          "Check",
          HealthCheckRequest.getDefaultInstance(),
          HealthCheckResponse.getDefaultInstance());

  private Services() {}

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> unary(
      String service, String name, Q question, A answer) {
    return method(MethodType.UNARY, service, name, question, answer);
  }

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> streaming(
      String service, String name, Q question, A answer) {
    return method(MethodType.SERVER_STREAMING, service, name, question, answer);
  }

  private static <Q extends Message, A extends Message> MethodDescriptor<Q, A> method(
      MethodType type, String service, String name, Q question, A answer) {
    return MethodDescriptor.<Q, A>newBuilder()
        .setType(type)
        .setFullMethodName(MethodDescriptor.generateFullMethodName(service, name))
        .setRequestMarshaller(ProtoUtils.marshaller(question))
        .setResponseMarshaller(ProtoUtils.marshaller(answer))
        .build();
  }
}
