// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** What one endpoint has at a time, and no other. */
public sealed interface OwnedResource {

  /** A container's attachment; several of one container have different devices in the pod. */
  record Attachment(String containerId, String containerInterface) implements OwnedResource {
    @Override
    public String toString() {
      return "container " + containerId + " with device \"" + containerInterface + "\"";
    }
  }

  /** Stands for the attachment where no container is known. */
  record Pod(String podName, String containerInterface) implements OwnedResource {
    @Override
    public String toString() {
      return "pod " + podName;
    }
  }

  /** An address, whoever keeps it. */
  record Address(IpAddress address) implements OwnedResource {
    @Override
    public String toString() {
      return "address " + address;
    }
  }

  /** The name of a device on the node's side. */
  record DeviceName(String name) implements OwnedResource {
    @Override
    public String toString() {
      return "device " + name;
    }
  }

  /** The index of a device on the node's side. */
  record DeviceIndex(int ifindex) implements OwnedResource {
    @Override
    public String toString() {
      return "device index " + ifindex;
    }
  }

  /** What tells an endpoint from others of the same pod. */
  static OwnedResource attachment(String podName, Names names) {
    return names.containerId().isEmpty()
        ? new Pod(podName, names.containerInterface())
        : new Attachment(names.containerId(), names.containerInterface());
  }

  /** Both names of a device. */
  static Set<OwnedResource> device(EndpointInterface device) {
    return Set.of(new DeviceName(device.hostName()), new DeviceIndex(device.hostIfindex()));
  }

  /** Everything of an endpoint whose devices and addresses are known. */
  static Set<OwnedResource> all(
      String podName, Names names, List<IpAddress> addresses, EndpointInterface device) {
    Set<OwnedResource> all = new LinkedHashSet<>();
    all.add(attachment(podName, names));
    addresses.forEach(address -> all.add(new Address(address)));
    all.addAll(device(device));
    return all;
  }
}
