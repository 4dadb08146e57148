// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.Redirect;
import io.cilium4j.api.model.ProxyRedirect;
import io.cilium4j.api.model.ProxyStatistics;
import io.cilium4j.api.model.ProxyStatus;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What goes through the proxy, as the API shows it. */
final class ProxyView {

  private ProxyView() {}

  /** The proxy's part of the status; null while no policy leads anything through it. */
  static @Nullable ProxyStatus of(Agent agent) {
    List<Redirect> redirects = agent.redirects();
    if (redirects.isEmpty()) {
      return null;
    }
    String ports =
        redirects.stream()
            .map(each -> Integer.toString(each.proxyPort()))
            .distinct()
            .sorted()
            .collect(Collectors.joining(","));
    String address =
        agent
            .addresses()
            .router(IpFamily.IPV4)
            .or(() -> agent.addresses().router(IpFamily.IPV6))
            .map(IpAddress::toString)
            .orElse("");
    return new ProxyStatus(
        ports,
        address,
        redirects.size(),
        redirects.stream().map(Redirect::proxyPort).distinct().count(),
        redirects.stream().map(ProxyView::redirect).toList(),
        "embedded");
  }

  private static ProxyRedirect redirect(Redirect redirect) {
    String name =
        "%d:%s:%s:%d:%s"
            .formatted(
                redirect.endpointId(),
                location(redirect),
                protocol(redirect),
                redirect.port(),
                redirect.listener());
    return new ProxyRedirect(name, redirect.listener(), redirect.proxyPort());
  }

  /** What goes through the proxy from or to one endpoint. */
  static List<ProxyStatistics> statistics(Agent agent, int endpointId) {
    return agent.redirects().stream()
        .filter(each -> each.endpointId() == endpointId)
        .map(each ->
            new ProxyStatistics(
                each.listener(), each.port(), each.proxyPort(), location(each), null))
        .toList();
  }

  private static String location(Redirect redirect) {
    return redirect.direction().toString().toLowerCase(Locale.ROOT);
  }

  private static String protocol(Redirect redirect) {
    return Protocol.ofNumber(redirect.protocol())
        .map(Protocol::toString)
        .orElse(Integer.toString(redirect.protocol()));
  }
}
