// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

/** Whether a caller waits until the datapath enforces what it asked for. */
public enum Wait {
  UNTIL_READY,
  NOT
}
