// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * How an address was reached in one way.
 *
 * @param latency the round trip, in nanoseconds; 0 where there was none
 * @param status why it was not; empty where it was
 * @param lastProbed when that was found out
 */
public record ConnectivityStatus(long latency, String status, String lastProbed) {
  public ConnectivityStatus {
    status = Absent.text(status);
    lastProbed = Absent.text(lastProbed);
  }
}
