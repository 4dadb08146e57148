// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.crd;

import io.cilium4j.core.state.Deadline;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import io.cilium4j.k8s.api.ApiClient;
import io.cilium4j.k8s.api.ApiException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates the definitions that a cluster lacks, and replaces older ones; newer ones stay. */
public final class CustomResourceInstaller {
  private static final Logger LOG = LoggerFactory.getLogger(CustomResourceInstaller.class);

  private static final String PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  private static final Duration TIME = Duration.ofSeconds(10);

  private final ApiClient client;

  /** The versions of those that are newer, by name. */
  private final Map<String, String> newer = new TreeMap<>();

  /** An installer that asks nothing yet. */
  public CustomResourceInstaller(ApiClient client) {
    this.client = client;
  }

  /**
   * Brings the cluster up to the definitions of this version.
   *
   * @return how many were written
   * @throws ApiException if one could not be; those before it are
   */
  public int install() throws ApiException {
    int written = 0;
    newer.clear();
    for (Map.Entry<String, Map<String, Object>> each : CustomResources.all().entrySet()) {
      written += install(each.getKey() + ".cilium.io", each.getValue()) ? 1 : 0;
    }
    if (!newer.isEmpty()) {
      LOG.warn(
          "definitions newer than this program's stay own={} there={}",
          CustomResources.VERSION,
          newer);
    }
    return written;
  }

  /** Whether every definition is there, whatever its version, and the server serves it. */
  public boolean areServed() throws ApiException {
    for (String plural : CustomResources.all().keySet()) {
      Optional<byte[]> found = client.get(PATH + "/" + plural + ".cilium.io", Deadline.in(TIME));
      if (found.isEmpty() || !isEstablished(read(found.get()))) {
        return false;
      }
    }
    return true;
  }

  private static boolean isEstablished(@Nullable Object definition) {
    return Trees.items(definition, "status", "conditions").stream()
        .anyMatch(each ->
            Trees.text(each, "type").equals("Established")
                && Trees.text(each, "status").equals("True"));
  }

  private boolean install(String name, Map<String, Object> wanted) throws ApiException {
    Optional<byte[]> found = client.get(PATH + "/" + name, Deadline.in(TIME));
    try {
      if (found.isEmpty()) {
        var _ = client.post(PATH, bytes(wanted), Deadline.in(TIME));
        LOG.info("definition created name={} version={}", name, CustomResources.VERSION);
        return true;
      }
      Object there = read(found.get());
      String version = Trees.text(there, "metadata", "labels", CustomResources.VERSION_LABEL);
      int difference = compare(version, CustomResources.VERSION);
      if (difference > 0) {
        newer.put(name, version);
      }
      if (difference >= 0) {
        LOG.debug("definition kept name={} version={}", name, version);
        return false;
      }
      var metadata = new LinkedHashMap<>(Trees.map(wanted.get("metadata")));
      metadata.put("resourceVersion", Trees.text(there, "metadata", "resourceVersion"));
      var replaced = new LinkedHashMap<String, Object>(wanted);
      replaced.put("metadata", metadata);
      var _ = client.put(PATH + "/" + name, bytes(replaced), Deadline.in(TIME));
      LOG.info(
          "definition replaced name={} version={} by={}", name, version, CustomResources.VERSION);
      return true;
    } catch (ApiException e) {
      if (e.isConflict()) {
        return false; // Another operator is at it; the next look shows what came of it.
      }
      throw e;
    }
  }

  private static @Nullable Object read(byte[] body) {
    return DocumentReader.readJson(new String(body, StandardCharsets.UTF_8));
  }

  private static byte[] bytes(Map<String, Object> document) {
    return JsonWriter.write(document).getBytes(StandardCharsets.UTF_8);
  }

  /** As numbers with dots between them; what is none is the lowest. */
  static int compare(String one, String other) {
    String[] left = one.split("\\.", -1);
    String[] right = other.split("\\.", -1);
    for (int i = 0; i < Math.max(left.length, right.length); i++) {
      int difference = Integer.compare(part(left, i), part(right, i));
      if (difference != 0) {
        return difference;
      }
    }
    return 0;
  }

  private static int part(String[] parts, int index) {
    return index < parts.length && parts[index].matches("[0-9]{1,9}")
        ? Integer.parseInt(parts[index])
        : -1;
  }
}
