// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.service;

import io.cilium4j.cli.command.UsageException;
import io.cilium4j.cli.json.Json;
import java.util.Locale;

/** Addresses of services as text, and text as addresses. */
final class ServiceText {
  private ServiceText() {}

  /** An address with its port, an IPv6 one in brackets. */
  static String address(Json address) {
    String ip = address.get("ip").text();
    String host = ip.indexOf(':') >= 0 ? "[" + ip + "]" : ip;
    return host + ":" + address.get("port").text("0");
  }

  /** A frontend: address, port, protocol, and whether it is for local use only. */
  static String frontend(Json address) {
    String protocol = address.get("protocol").text("any").toUpperCase(Locale.ROOT);
    String scope = address.get("scope").text().equals("internal") ? "/i" : "";
    return address(address) + "/" + protocol + scope;
  }

  /**
   * Reads {@code IP:PORT} or {@code [IP]:PORT}, for a frontend with {@code /PROTOCOL} behind.
   *
   * @throws UsageException if it is no address
   */
  static Json parse(String text, boolean isFrontend) {
    int slash = text.indexOf('/');
    String address = slash < 0 ? text : text.substring(0, slash);
    int colon = address.lastIndexOf(':');
    String ip = colon < 0 ? "" : address.substring(0, colon).replaceAll("^\\[(.*)]$", "$1");
    String port = address.substring(colon + 1);
    if (ip.isEmpty()
        || !ip.matches("[0-9a-fA-F.:]+")
        || !port.matches("[0-9]{1,5}")
        || (slash >= 0 && !isFrontend)) {
      throw new UsageException(
          "address " + text + ": wanted IP:PORT" + (isFrontend ? "[/PROTOCOL]" : ""));
    }
    Json parsed = Json.object("ip", Json.of(ip)).with("port", Json.of(Long.parseLong(port)));
    return isFrontend
        ? parsed.with(
            "protocol",
            Json.of(slash < 0 ? "tcp" : text.substring(slash + 1).toLowerCase(Locale.ROOT)))
        : parsed;
  }
}
