// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The accounts and roles of the manifests, and what becomes of a role without one of its rights.
 */
final class RbacRoles {
  private static final Path FILE = Path.of("../kubernetes/rbac.yaml");

  private static final String API = "/apis/rbac.authorization.k8s.io/v1";

  private static final String NAMESPACE = "kube-system";

  /**
   * A verb of a resource that a role gives.
   *
   * @param path of the role in the API
   * @param rule which of its rules gives it
   */
  record Right(String path, int rule, String resource, String verb) {

    /** What the server says to whoever lacks it. */
    String refusal() {
      return "cannot " + verb + " resource \"" + resource + "\"";
    }
  }

  private final Map<String, List<?>> rules = new LinkedHashMap<>();
  private final ApiLab lab;

  /** Creates them all, as the kustomization does. */
  RbacRoles(ApiLab lab) throws IOException {
    this.lab = lab;
    for (Object each : DocumentReader.read(Files.readString(FILE))) {
      Map<String, Object> object = new LinkedHashMap<>(Trees.map(each));
      String kind = Trees.text(object, "kind");
      if (!kind.startsWith("Cluster")) {
        Map<String, Object> metadata = new LinkedHashMap<>(Trees.map(object.get("metadata")));
        metadata.put("namespace", NAMESPACE);
        object.put("metadata", metadata);
      }
      lab.create(object);
      String name = Trees.text(object, "metadata", "name");
      if (kind.equals("ClusterRole")) {
        rules.put(API + "/clusterroles/" + name, Trees.items(object, "rules"));
      } else if (kind.equals("Role")) {
        rules.put(
            API + "/namespaces/" + NAMESPACE + "/roles/" + name, Trees.items(object, "rules"));
      }
    }
  }

  /** Every verb of every resource that an account's roles give. */
  List<Right> rightsOf(String account) {
    List<Right> all = new ArrayList<>();
    rules.forEach((path, list) -> {
      for (int i = 0; path.endsWith("/" + account) && i < list.size(); i++) {
        for (Object resource : Trees.items(list.get(i), "resources")) {
          for (Object verb : Trees.items(list.get(i), "verbs")) {
            all.add(new Right(path, i, resource.toString(), verb.toString()));
          }
        }
      }
    });
    return all;
  }

  void take(Right right) throws IOException {
    List<Object> left = new ArrayList<>();
    List<?> all = rules.getOrDefault(right.path(), List.of());
    for (int i = 0; i < all.size(); i++) {
      Object rule = all.get(i);
      if (i != right.rule()) {
        left.add(rule);
        continue;
      }
      List<Object> others = new ArrayList<>(Trees.items(rule, "resources"));
      others.removeIf(each -> each.equals(right.resource()));
      List<Object> verbs = new ArrayList<>(Trees.items(rule, "verbs"));
      verbs.removeIf(each -> each.equals(right.verb()));
      var groups = Trees.items(rule, "apiGroups");
      if (!others.isEmpty()) {
        left.add(
            Map.of("apiGroups", groups, "resources", others, "verbs", Trees.items(rule, "verbs")));
      }
      if (!verbs.isEmpty()) {
        left.add(
            Map.of("apiGroups", groups, "resources", List.of(right.resource()), "verbs", verbs));
      }
    }
    write(right, left);
  }

  void giveBack(Right right) throws IOException {
    write(right, rules.getOrDefault(right.path(), List.of()));
  }

  private void write(Right right, List<?> list) throws IOException {
    lab.patch(right.path(), Map.of("rules", list));
  }
}
