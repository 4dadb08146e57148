// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Pod;
import io.cilium4j.core.cluster.PublishedEndpoint.Details;
import io.cilium4j.policy.controller.EnforcementStatus;
import io.cilium4j.policy.controller.PolicyProgress;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What the cluster is told of an endpoint for people: its policy, its names, its account. */
final class EndpointFacts {

  private EndpointFacts() {}

  /** Absent where Kubernetes does not have the endpoint's pod any more. */
  static Optional<Details> of(Agent agent, Endpoint endpoint) {
    EnforcementStatus enforcement =
        agent
            .policyProgress(endpoint)
            .map(PolicyProgress::enforcement)
            .orElse(EnforcementStatus.NONE);
    Names names =
        agent.endpointDetails().get(endpoint.id()).map(EndpointDetails::names).orElse(Names.NONE);
    Optional<Pod> pod =
        agent
            .pod(endpoint.namespace(), Endpoint.kubernetesName(endpoint.name()))
            .filter(each -> isOf(names.podUid(), each));
    if (pod.isEmpty() && !names.podUid().isEmpty() && knowsEveryPod(agent)) {
      return Optional.empty();
    }
    return Optional.of(
        new Details(
            isIngress(enforcement),
            isEgress(enforcement),
            pod.map(Pod::serviceAccount).orElse(""),
            ids(endpoint, names)));
  }

  /** Whether it is this pod and not an earlier or later one of its name. */
  private static boolean isOf(String uid, Pod pod) {
    return uid.isEmpty() || pod.uid().isEmpty() || uid.equals(pod.uid());
  }

  private static boolean knowsEveryPod(Agent agent) {
    return agent
        .source()
        .filter(source -> source.hasEveryPod() && source.pods().isInitialised())
        .isPresent();
  }

  private static boolean isIngress(EnforcementStatus status) {
    return switch (status) {
      case INGRESS, BOTH, AUDIT_INGRESS, AUDIT_BOTH -> true;
      case NONE, EGRESS, AUDIT_EGRESS -> false;
    };
  }

  private static boolean isEgress(EnforcementStatus status) {
    return switch (status) {
      case EGRESS, BOTH, AUDIT_EGRESS, AUDIT_BOTH -> true;
      case NONE, INGRESS, AUDIT_INGRESS -> false;
    };
  }

  private static Map<String, String> ids(Endpoint endpoint, Names names) {
    Map<String, String> ids = new TreeMap<>();
    ids.put("cni-attachment-id", names.attachment().orElse(""));
    ids.put("k8s-namespace", endpoint.namespace());
    ids.put("k8s-pod-name", endpoint.namespace().isEmpty() ? "" : endpoint.name());
    if (!names.attachmentOnly()) {
      ids.put("container-id", names.containerId());
      ids.put("container-name", names.containerName());
      ids.put("pod-name", endpoint.namespace().isEmpty() ? "" : endpoint.podName());
    }
    ids.values().removeIf(String::isEmpty);
    return ids;
  }
}
