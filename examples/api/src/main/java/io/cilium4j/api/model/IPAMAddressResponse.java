// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;

/**
 * One address that was allocated.
 *
 * @param gateway the pod's next hop
 * @param expirationUuid names the reservation until it is made permanent; empty for a permanent one
 */
public record IPAMAddressResponse(
    String ip,
    String gateway,
    List<String> cidrs,
    @JsonProperty("master-mac") String masterMac,
    @JsonProperty("expiration-uuid") String expirationUuid,
    @JsonProperty("interface-number") String interfaceNumber) {
  public IPAMAddressResponse {
    ip = Absent.text(ip);
    gateway = Absent.text(gateway);
    cidrs = Absent.list(cidrs);
    masterMac = Absent.text(masterMac);
    expirationUuid = Absent.text(expirationUuid);
    interfaceNumber = Absent.text(interfaceNumber);
  }
}
