// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.cluster.Lease;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code Lease} of {@code coordination.k8s.io}. */
public final class LeaseCodec implements ObjectCodec<Lease> {

  /** Six digits behind the second, as Kubernetes writes these times. */
  private static final DateTimeFormatter MICRO_TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'", Locale.ROOT)
          .withZone(ZoneOffset.UTC);

  private static final int DEFAULT_SECONDS = 15;

  @Override
  public String kind() {
    return "Lease";
  }

  @Override
  public String apiVersion() {
    return "coordination.k8s.io/v1";
  }

  @Override
  public String plural() {
    return "leases";
  }

  /** A power failure ends its holder as well. */
  @Override
  public boolean isDurable() {
    return false;
  }

  @Override
  public Lease read(JsonNode document) {
    return new Lease(
        Json.text(document, "metadata.name").orElse(""),
        Json.text(document, "spec.holderIdentity").orElse(""),
        Duration.ofSeconds(
            Json.number(document, "spec.leaseDurationSeconds").orElse(DEFAULT_SECONDS)),
        Json.number(document, "spec.leaseTransitions").orElse(0),
        time(document, "spec.acquireTime"),
        time(document, "spec.renewTime"));
  }

  private static Instant time(JsonNode document, String path) {
    try {
      return Json.text(document, path).map(Instant::parse).orElse(Instant.EPOCH);
    } catch (DateTimeException e) {
      throw new IllegalArgumentException(path + ": not a time", e);
    }
  }

  @Override
  public void write(Lease lease, ObjectNode document) {
    Json.objectAt(document, "metadata").put("name", lease.name());
    ObjectNode spec = Json.objectAt(document, "spec");
    Json.putText(spec, "holderIdentity", lease.holder());
    spec.put("leaseDurationSeconds", Math.toIntExact(lease.duration().toSeconds()));
    spec.put("leaseTransitions", lease.transitions());
    spec.put("acquireTime", MICRO_TIME.format(lease.acquired()));
    spec.put("renewTime", MICRO_TIME.format(lease.renewed()));
  }

  /** It has none. */
  @Override
  public Lease withStatus(Lease lease, Lease status) {
    return lease;
  }
}
