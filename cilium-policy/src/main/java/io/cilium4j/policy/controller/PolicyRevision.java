// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

/**
 * A moment in the life of the policies: a change of them, and all changes before it of the same
 * input. Who changes policies waits until it is enforced.
 *
 * @param input where the change came from; each input counts for itself
 * @param number its number there
 */
public record PolicyRevision(Input input, long number) {

  /** Where policies come from. */
  public enum Input {
    /** Objects of Kubernetes. */
    MANIFESTS,
    /** Rules given through the API. */
    API_RULES,
    /** Objects that the embedding program applied. */
    PROGRAM
  }
}
