// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

/**
 * What the executable prints.
 *
 * @param succeeded whether it ends with 0
 * @param json a result, an error, or nothing
 * @param ifLost to be called if nobody takes the answer: the runtime does not know then what was
 *     made
 */
public record CniAnswer(boolean succeeded, String json, Runnable ifLost) {
  CniAnswer(boolean succeeded, String json) {
    this(succeeded, json, () -> {});
  }
}
