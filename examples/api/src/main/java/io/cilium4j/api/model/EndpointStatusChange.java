// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * One line of an endpoint's log.
 *
 * @param code whether the step went well: {@code ok}, {@code failed}
 * @param state one of {@code waiting-for-identity}, {@code not-ready}, {@code
 *     waiting-to-regenerate}, {@code regenerating}, {@code restoring}, {@code ready}, {@code
 *     disconnecting}, {@code disconnected}, {@code invalid}
 */
public record EndpointStatusChange(String timestamp, String code, String message, String state) {
  public EndpointStatusChange {
    timestamp = Absent.text(timestamp);
    code = Absent.text(code);
    message = Absent.text(message);
    state = Absent.text(state);
  }
}
