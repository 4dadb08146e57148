// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.daemon.DaemonOption.Adder;
import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;
import io.cilium4j.datapath.proxy.Redaction;
import java.util.List;
import java.util.Set;

/** Options of what is served to Hubble's clients. */
final class HubbleOptions {
  private HubbleOptions() {}

  static void addTo(Adder all) {
    Group group = Group.HUBBLE;
    all.add(group, "enable-hubble", Kind.TRUTH, "false", "serve flows to Hubble's clients");
    all.add(
        group,
        "hubble-socket-path",
        Kind.PATH,
        "/var/run/cilium/hubble.sock",
        "the UNIX socket for Hubble's clients");
    all.add(
        group,
        "hubble-listen-address",
        Kind.ADDRESS,
        "",
        "where else Hubble's clients are served, such as :4244");
    all.add(
        group,
        "hubble-disable-tls",
        Kind.TRUTH,
        "false",
        "serve hubble-listen-address without encryption");
    all.add(
        group,
        "hubble-tls-cert-file",
        Kind.PATH,
        "",
        "the certificate of hubble-listen-address, in PEM; read again when it changes");
    all.add(group, "hubble-tls-key-file", Kind.PATH, "", "the key of that certificate, in PEM");
    all.add(
        group,
        "hubble-tls-client-ca-files",
        Kind.PATH,
        "",
        "who signs the certificates of clients, in PEM; with commas between files");
    all.add(
        group,
        "hubble-event-buffer-capacity",
        Kind.NUMBER,
        "4095",
        "flows kept for readers that come later, 1 to 65535");
    all.add(
        group,
        "ui-address",
        Kind.ADDRESS,
        "",
        "where a page with flows is served, such as 127.0.0.1:12000; of loopback");
    export(all, group);
    redact(all, group);
  }

  private static void redact(Adder all, Group group) {
    all.add(
        group,
        "hubble-redact-enabled",
        Kind.TRUTH,
        "false",
        "hide values of headers in flows, not only those of credentials");
    all.add(group, "hubble-redact-http-urlquery", Kind.TRUTH, "false", "hide queries of URLs, too");
    all.add(
        group,
        "hubble-redact-http-userinfo",
        Kind.TRUTH,
        "true",
        "hide passwords in URLs; no flow has any, whatever this says");
    all.add(
        group,
        "hubble-redact-http-headers-allow",
        Kind.TEXT,
        "",
        "headers whose values are told, with commas between names");
    all.add(
        group,
        "hubble-redact-http-headers-deny",
        Kind.TEXT,
        "",
        "headers whose values alone are hidden; not beside that");
  }

  /** What flows do not tell of requests. */
  static Redaction redaction(DaemonSettings settings) {
    List<String> allowed = settings.names("hubble-redact-http-headers-allow");
    List<String> denied = settings.names("hubble-redact-http-headers-deny");
    if (!allowed.isEmpty() && !denied.isEmpty()) {
      throw new OptionException(
          "hubble-redact-http-headers-allow: not beside hubble-redact-http-headers-deny");
    }
    return new Redaction(
        settings.isOn("hubble-redact-enabled"),
        settings.isOn("hubble-redact-http-urlquery"),
        Set.copyOf(allowed),
        Set.copyOf(denied));
  }

  private static void export(Adder all, Group group) {
    all.add(
        group,
        "hubble-metrics",
        Kind.TEXT,
        "",
        "what is counted of flows, such as \"flow drop:sourceContext=pod tcp\"");
    all.add(
        group,
        "hubble-metrics-server",
        Kind.ADDRESS,
        "",
        "where to serve that, such as :9965; default with prometheus-serve-addr");
    all.add(
        group,
        "hubble-export-file-path",
        Kind.PATH,
        "",
        "a file for flows, a line of JSON each; stdout for the standard output");
    all.add(
        group,
        "hubble-export-file-max-size-mb",
        Kind.NUMBER,
        "10",
        "where that file is put aside; 0 for never");
    all.add(
        group, "hubble-export-file-max-backups", Kind.NUMBER, "5", "how many are kept; 0 for all");
    all.add(group, "hubble-export-file-compress", Kind.TRUTH, "false", "compress those put aside");
    all.add(
        group,
        "hubble-export-allowlist",
        Kind.TEXT,
        "",
        "which flows are written: filters in JSON, one behind another");
    all.add(group, "hubble-export-denylist", Kind.TEXT, "", "which are not");
    all.add(
        group,
        "hubble-export-fieldmask",
        Kind.TEXT,
        "",
        "fields that are written, with commas between them");
  }
}
