// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What a runtime asks a network for. */
public sealed interface CniRequest {

  /**
   * Join a container's device to the network. The same again while it is joined changes nothing.
   *
   * @param attachment the device
   * @param netns path of the container's network namespace
   * @param network the network's name
   * @param arguments {@code CNI_ARGS} by key: Kubernetes' runtimes tell the pod there
   * @param previous what the plugins before this one in a chain made; the device is there then
   */
  record Add(
      CniAttachment attachment,
      String netns,
      String network,
      Map<String, String> arguments,
      Optional<CniResult> previous)
      implements CniRequest {
    public Add {
      arguments = Map.copyOf(arguments);
    }
  }

  /**
   * Take a device from the network; no error if it is not joined.
   *
   * @param attachment the device
   * @param network the network's name
   */
  record Delete(CniAttachment attachment, String network) implements CniRequest {}

  /**
   * See that a device is joined as it was.
   *
   * @param attachment the device
   * @param netns path of the container's network namespace
   * @param previous the result of {@code ADD}, of the whole chain
   */
  record Check(CniAttachment attachment, String netns, CniResult previous) implements CniRequest {}

  /**
   * Take from the network what is joined to it and not listed.
   *
   * @param network the network's name
   * @param valid what stays
   */
  record Collect(String network, Set<CniAttachment> valid) implements CniRequest {
    public Collect {
      valid = Set.copyOf(valid);
    }
  }
}
