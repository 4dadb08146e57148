// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Labels;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What is known of an endpoint beyond what decides its packets.
 *
 * @param names by which names others know it
 * @param derivedLabels every label that the orchestrator told, relevant to its identity or not
 * @param userLabels labels that a user gave it by hand; all of them count
 * @param options its own options, by name: those not named here are the agent's
 * @param addressOwner who keeps its addresses
 */
public record EndpointDetails(
    Names names,
    Labels derivedLabels,
    Labels userLabels,
    Map<String, Boolean> options,
    AddressOwner addressOwner) {

  /** Who keeps an endpoint's addresses. */
  public enum AddressOwner {
    /** This agent's IPAM. */
    AGENT,
    /** Somebody else: they are not the agent's to give out or take back. */
    OTHERS
  }

  /** Of a new endpoint. */
  public static EndpointDetails of(Names names, Labels derivedLabels, AddressOwner addressOwner) {
    return new EndpointDetails(names, derivedLabels, Labels.EMPTY, Map.of(), addressOwner);
  }

  public EndpointDetails {
    options = Map.copyOf(options);
  }

  /**
   * The names of an endpoint outside of the agent; empty where it has none of a kind.
   *
   * @param containerId the container runtime's id of the pod's sandbox
   * @param containerName the container runtime's name
   * @param containerInterface the device inside the pod
   * @param dockerEndpointId Docker's id of the endpoint
   * @param dockerNetworkId Docker's id of the network; the name of a CNI network
   * @param podUid Kubernetes' id of the pod
   * @param attachmentOnly whether only the attachment names it, as for a pod with several devices
   */
  public record Names(
      String containerId,
      String containerName,
      String containerInterface,
      String dockerEndpointId,
      String dockerNetworkId,
      String podUid,
      boolean attachmentOnly) {

    /** Of an endpoint that was not made by a container runtime. */
    public static final Names NONE = new Names("", "", "", "", "", "", false);

    /** Longest name, in characters: an id of a container has 64, a pod's name 253. */
    private static final int MAX_CHARS = 512;

    public Names {
      for (String name :
          new String[] {
            containerId,
            containerName,
            containerInterface,
            dockerEndpointId,
            dockerNetworkId,
            podUid
          }) {
        if (name.length() > MAX_CHARS) {
          throw new IllegalArgumentException(
              "a name of " + name.length() + " characters: at most " + MAX_CHARS);
        }
      }
    }

    /** A container's id, then {@code :} and the device where one is known; absent without id. */
    public Optional<String> attachment() {
      return containerId.isEmpty()
          ? Optional.empty()
          : Optional.of(
              containerInterface.isEmpty() ? containerId : containerId + ":" + containerInterface);
    }
  }

  /** These details with other names. */
  public EndpointDetails withNames(Names changed) {
    return new EndpointDetails(changed, derivedLabels, userLabels, options, addressOwner);
  }

  /** These details with other user labels. */
  public EndpointDetails withUserLabels(Labels labels) {
    return new EndpointDetails(names, derivedLabels, labels, options, addressOwner);
  }

  /** These details with other labels of the orchestrator's. */
  public EndpointDetails withDerivedLabels(Labels labels) {
    return new EndpointDetails(names, labels, userLabels, options, addressOwner);
  }

  /** These details with some options changed. */
  public EndpointDetails withOptions(Map<String, Boolean> changed) {
    var all = new TreeMap<>(options);
    all.putAll(changed);
    return new EndpointDetails(names, derivedLabels, userLabels, all, addressOwner);
  }
}
