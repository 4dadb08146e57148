// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.IdentityEndpoints;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.state.Row;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** {@code /identity}. */
final class IdentityOperations {
  private final Agent agent;

  IdentityOperations(Agent agent) {
    this.agent = agent;
  }

  Response list(Request request) {
    List<Label> wanted = ApiLabels.wanted(request.bodyTexts());
    List<io.cilium4j.api.model.Identity> found =
        agent.identities().snapshot().stream()
            .map(Row::value)
            .filter(each -> ApiLabels.hasAll(each.labels(), wanted))
            .map(IdentityOperations::view)
            .toList();
    if (found.isEmpty()) {
      throw Refusal.notFound();
    }
    return Response.ok(found);
  }

  Response get(Request request) {
    long id = request.pathNumber("id");
    return Response.ok(
        agent
            .identities()
            .get(id < 0 || id > Integer.MAX_VALUE ? -1 : (int) id)
            .map(IdentityOperations::view)
            .orElseThrow(Refusal::notFound));
  }

  /** The identities of this node's endpoints, and how many have each. */
  Response ofEndpoints(Request request) {
    Map<Integer, Long> counts = new TreeMap<>();
    Map<Integer, Identity> identities = new TreeMap<>();
    for (Row<Integer, Endpoint> row : agent.endpoints().snapshot()) {
      Endpoint endpoint = row.value();
      counts.merge(endpoint.identity(), 1L, Long::sum);
      identities.put(endpoint.identity(), new Identity(endpoint.identity(), endpoint.labels()));
    }
    return Response.ok(
        identities.values().stream()
            .map(each -> new IdentityEndpoints(view(each), counts.getOrDefault(each.id(), 0L)))
            .toList());
  }

  static io.cilium4j.api.model.Identity view(Identity identity) {
    return new io.cilium4j.api.model.Identity(
        identity.id(), ApiLabels.texts(identity.labels()), digest(identity));
  }

  /** The first 256 bits of SHA-512 (FIPS 180-4's SHA-512/256) over the canonical labels. */
  private static String digest(Identity identity) {
    try {
      byte[] text = identity.labels().canonical().getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-512/256").digest(text));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("this Java has no SHA-512/256", e);
    }
  }
}
