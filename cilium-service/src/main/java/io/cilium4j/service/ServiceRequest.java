// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

/**
 * A service as a client asked for it: in the words of whatever the client speaks, unchecked. It is
 * kept and shown again as it is. Never changes.
 */
public interface ServiceRequest {

  /**
   * The service that is asked for.
   *
   * @param number the number that it is asked for by
   * @throws ServiceRefusedException if it makes no sense
   */
  RequestedService read(long number);
}
