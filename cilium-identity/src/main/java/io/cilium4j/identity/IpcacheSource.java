// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

/**
 * Who says which identity stands behind a prefix; of several the last one here wins, of two owners
 * of one strength the first by name. Labels that are put on a prefix are weaker than all of them: a
 * rule about a DNS name does not take a pod's identity from it.
 */
public enum IpcacheSource {
  /** Read back after a restart, until someone says better. */
  RESTORED,
  /** The pods and nodes of Kubernetes. */
  KUBERNETES,
  /** What other agents wrote: CiliumEndpoints, or a key-value store. */
  CLUSTER,
  /** This node's own endpoints. */
  LOCAL
}
