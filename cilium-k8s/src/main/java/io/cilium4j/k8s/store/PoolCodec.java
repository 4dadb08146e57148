// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PodIpPool.Blocks;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** {@code CiliumPodIPPool}. */
public final class PoolCodec implements ObjectCodec<PodIpPool> {

  /** Leaves the addresses of a pool's pods as they are outside the cluster. */
  private static final String SKIP = "ipam.cilium.io/skip-masquerade";

  @Override
  public String kind() {
    return "CiliumPodIPPool";
  }

  @Override
  public String apiVersion() {
    return "cilium.io/v2alpha1";
  }

  @Override
  public String plural() {
    return "ciliumpodippools";
  }

  /** People write it, and nobody could say it again. */
  @Override
  public boolean isDurable() {
    return true;
  }

  @Override
  public PodIpPool read(JsonNode document) {
    return new PodIpPool(
        Json.text(document, "metadata.name").orElse(""),
        blocks(document, "spec.ipv4"),
        blocks(document, "spec.ipv6"),
        Json.flag(document, "spec.allowFirstIP"),
        Json.flag(document, "spec.allowLastIP"),
        unsupported(document));
  }

  /** What would give pods other addresses, or other masquerading, than they get here. */
  private static List<String> unsupported(JsonNode document) {
    var fields = new ArrayList<String>();
    for (String selector : List.of("podSelector", "namespaceSelector")) {
      if (Json.at(document, "spec." + selector).isObject()) {
        fields.add("spec." + selector);
      }
    }
    if (Json.map(document, "metadata.annotations").getOrDefault(SKIP, "").equals("true")) {
      fields.add("annotation " + SKIP);
    }
    return fields;
  }

  private static Optional<Blocks> blocks(JsonNode document, String path) {
    if (!Json.at(document, path).isObject()) {
      return Optional.empty();
    }
    return Optional.of(
        new Blocks(
            Json.texts(document, path + ".cidrs").stream().map(IpPrefix::parse).toList(),
            Json.number(document, path + ".maskSize").orElse(0)));
  }

  @Override
  public void write(PodIpPool pool, ObjectNode document) {
    Json.objectAt(document, "metadata").put("name", pool.name());
    ObjectNode spec = Json.objectAt(document, "spec");
    write(spec, "ipv4", pool.ipv4());
    write(spec, "ipv6", pool.ipv6());
    putFlag(spec, "allowFirstIP", pool.hasFirst());
    putFlag(spec, "allowLastIP", pool.hasLast());
  }

  private static void write(ObjectNode spec, String field, Optional<Blocks> blocks) {
    if (blocks.isEmpty()) {
      spec.remove(field);
      return;
    }
    ObjectNode object = Json.objectAt(spec, field);
    Json.putTexts(object, "cidrs", blocks.get().cidrs());
    object.put("maskSize", blocks.get().maskSize());
  }

  static void putFlag(ObjectNode parent, String field, boolean is) {
    if (is) {
      parent.put(field, true);
    } else {
      parent.remove(field);
    }
  }

  /** It has none. */
  @Override
  public PodIpPool withStatus(PodIpPool pool, PodIpPool status) {
    return pool;
  }
}
