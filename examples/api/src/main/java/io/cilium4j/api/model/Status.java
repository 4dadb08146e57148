// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * How one thing fares.
 *
 * @param state one of {@code Ok}, {@code Warning}, {@code Failure}, {@code Disabled}
 * @param msg one line for people
 */
public record Status(String state, String msg) {
  public Status {
    state = Absent.text(state);
    msg = Absent.text(msg);
  }
}
