// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cni;

import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.cni.CniException;
import io.cilium4j.cni.CniException.Code;
import io.cilium4j.cni.CniRequest.Add;
import java.util.regex.Pattern;

/**
 * The pod that a runtime tells of; a container without a pod is named by its id.
 *
 * @param namespace the Kubernetes namespace; empty for a container without a pod
 * @param name the pod's name, or the container's id
 * @param uid Kubernetes' id of the pod; empty where the runtime did not tell it
 */
record CniPod(String namespace, String name, String uid) {

  /** What Kubernetes takes for the name of an object, without its bound of 253 characters. */
  private static final Pattern OBJECT_NAME = Pattern.compile("[a-z0-9]([-.a-z0-9]*[a-z0-9])?");

  private static final int MAX_NAME_CHARS = 253;

  private static final Pattern UID = Pattern.compile("[-a-zA-Z0-9]{0,64}");

  /**
   * Reads the arguments of a call.
   *
   * @throws CniException if they name a pod that cannot be
   */
  static CniPod of(Add request) {
    String namespace = request.arguments().getOrDefault("K8S_POD_NAMESPACE", "");
    String name = request.arguments().getOrDefault("K8S_POD_NAME", "");
    String uid = request.arguments().getOrDefault("K8S_POD_UID", "");
    if (namespace.isEmpty() && name.isEmpty()) {
      return new CniPod("", request.attachment().containerId(), "");
    }
    if (!isName(namespace) || !isName(name) || !UID.matcher(uid).matches()) {
      throw new CniException(
          Code.INVALID_ENVIRONMENT,
          "CNI_ARGS: K8S_POD_NAMESPACE, K8S_POD_NAME and K8S_POD_UID: wanted those of a pod");
    }
    return new CniPod(namespace, name, uid);
  }

  private static boolean isName(String text) {
    return text.length() <= MAX_NAME_CHARS && OBJECT_NAME.matcher(text).matches();
  }

  /** Whether it is Kubernetes' pod. */
  boolean isOfKubernetes() {
    return !namespace.isEmpty();
  }

  /** The name of its endpoint; of a pod with several devices with the device. */
  String endpointName(Names names) {
    return names.attachmentOnly() ? name + ":" + names.containerInterface() : name;
  }
}
