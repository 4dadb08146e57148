// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import java.util.Set;

/** The answers of the API's description that this agent never gives, and why. */
final class Unanswered {
  private Unanswered() {}

  /** Whether an operation never answers so. */
  static boolean isIt(String operation, int status) {
    return switch (status) {
      case 403 -> true; // Who may open the socket may call every operation.
      case 520, 521 -> true; // Identities are kept in memory: always reachable, never malformed.
      // Failures of the machine: a full disk, no memory.
      case 500 ->
          Set.of(
                  "PATCH /config",
                  "PATCH /endpoint/{id}",
                  "PATCH /endpoint/{id}/config",
                  "PUT /policy",
                  "DELETE /policy",
                  "DELETE /recorder/{id}",
                  "GET /prefilter",
                  "GET /debuginfo",
                  "GET /cgroup-dump-metadata",
                  "GET /metrics",
                  "GET /bgp/peers",
                  "GET /bgp/routes",
                  "GET /bgp/route-policies")
              .contains(operation);
      case 200 -> operation.startsWith("GET /bgp/"); // BGP is not spoken.
      case 460 -> operation.equals("PUT /policy"); // There is no tree of rules with paths.
      case 501 -> operation.equals("PUT /service/{id}"); // Services can be kept at least.
      // There is always an empty list to show.
      case 404 -> Set.of("GET /identity/endpoints", "GET /fqdn/cache").contains(operation);
      case 400 -> operation.equals("GET /fqdn/names"); // It takes nothing that could be wrong.
      default -> false;
    };
  }
}
