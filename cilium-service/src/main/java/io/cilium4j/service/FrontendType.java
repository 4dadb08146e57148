// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

/** Who asks a frontend. */
public enum FrontendType {
  /** The cluster: pods, and processes of nodes. */
  CLUSTER_IP("ClusterIP"),
  /** Everybody, at a port of each node. */
  NODE_PORT("NodePort"),
  /** Everybody, at addresses that a load balancer leads to nodes. */
  LOAD_BALANCER("LoadBalancer"),
  /** Everybody, at addresses that somebody else leads to nodes. */
  EXTERNAL_IPS("ExternalIPs"),
  /** Everybody, at a port of the node of the pod behind it. */
  HOST_PORT("HostPort"),
  /** Pods and processes of this node, which pods of this node answer. */
  LOCAL_REDIRECT("LocalRedirect");

  private final String text;

  FrontendType(String text) {
    this.text = text;
  }

  /** Whether clients outside of the cluster ask it as well. */
  public boolean isExternal() {
    return this != CLUSTER_IP && this != LOCAL_REDIRECT;
  }

  /** Whether a service says which clients outside may ask it ({@code loadBalancerSourceRanges}). */
  boolean hasSources() {
    return this == LOAD_BALANCER || this == EXTERNAL_IPS;
  }

  /** The API's word for it. */
  public String text() {
    return text;
  }
}
