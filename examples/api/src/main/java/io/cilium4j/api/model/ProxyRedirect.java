// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Traffic that is led to a proxy. */
public record ProxyRedirect(String name, String proxy, @JsonProperty("proxy-port") long proxyPort) {
  public ProxyRedirect {
    name = Absent.text(name);
    proxy = Absent.text(proxy);
  }
}
