// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.crd;

import io.cilium4j.k8s.crd.Schema.Field;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The definitions of Cilium's custom resources that are served here. */
public final class CustomResources {

  /**
   * The version of the definitions: it grows with each change of one of them, and is what tells
   * whether those of a cluster are older. Those of the field's 1.20 have 1.33.x, which this
   * follows.
   */
  public static final String VERSION = "1.34.1";

  /** The label that has the version, which is the field's own. */
  public static final String VERSION_LABEL = "io.cilium.k8s.crd.schema.version";

  private static final String GROUP = "cilium.io";

  private CustomResources() {}

  /** A column of {@code kubectl get}. */
  private record Column(String name, String type, String path, int priority) {
    Map<String, Object> tree() {
      var tree = new LinkedHashMap<String, Object>();
      tree.put("name", name);
      tree.put("type", type);
      tree.put("jsonPath", path);
      if (priority > 0) {
        tree.put("priority", priority);
      }
      return tree;
    }
  }

  private static Column column(String name, String type, String path) {
    return new Column(name, type, path, 0);
  }

  private static final Column AGE = column("Age", "date", ".metadata.creationTimestamp");

  /** A definition in the making. */
  private record Definition(
      String kind,
      String plural,
      List<String> shortNames,
      boolean isNamespaced,
      List<String> categories,
      boolean hasStatus,
      List<Column> columns,
      List<String> versions,
      Schema schema) {

    Map<String, Object> tree() {
      var names = new LinkedHashMap<String, Object>();
      names.put("kind", kind);
      names.put("listKind", kind + "List");
      names.put("plural", plural);
      names.put("singular", kind.toLowerCase(java.util.Locale.ROOT));
      names.put("shortNames", shortNames);
      names.put("categories", categories);
      var served = new ArrayList<Object>();
      for (String version : versions) {
        var tree = new LinkedHashMap<String, Object>();
        tree.put("name", version);
        tree.put("served", true);
        tree.put("storage", served.isEmpty());
        tree.put("schema", Map.of("openAPIV3Schema", schema.tree()));
        if (!columns.isEmpty()) {
          tree.put("additionalPrinterColumns", columns.stream().map(Column::tree).toList());
        }
        if (hasStatus) {
          tree.put("subresources", Map.of("status", Map.of()));
        }
        served.add(tree);
      }
      var spec = new LinkedHashMap<String, Object>();
      spec.put("group", GROUP);
      spec.put("names", names);
      spec.put("scope", isNamespaced ? "Namespaced" : "Cluster");
      spec.put("versions", served);
      var metadata = new LinkedHashMap<String, Object>();
      metadata.put("name", plural + "." + GROUP);
      metadata.put("labels", Map.of(VERSION_LABEL, VERSION));
      var tree = new LinkedHashMap<String, Object>();
      tree.put("apiVersion", "apiextensions.k8s.io/v1");
      tree.put("kind", "CustomResourceDefinition");
      tree.put("metadata", metadata);
      tree.put("spec", spec);
      return tree;
    }
  }

  /** An object with these fields beside those that every object has. */
  private static Schema whole(String about, Field... own) {
    var fields = new ArrayList<Field>();
    fields.add(Schema.field("apiVersion", Schema.text()));
    fields.add(Schema.field("kind", Schema.text()));
    fields.add(Schema.required("metadata", new Schema(Map.of("type", "object"))));
    fields.addAll(List.of(own));
    return Schema.object(fields.toArray(Field[]::new)).about(about);
  }

  /** All definitions, each a document for {@code apiextensions.k8s.io/v1}, by plural name. */
  public static Map<String, Map<String, Object>> all() {
    var all = new LinkedHashMap<String, Map<String, Object>>();
    for (Definition each : definitions()) {
      all.put(each.plural(), each.tree());
    }
    return all;
  }

  private static List<Definition> definitions() {
    List<String> plain = List.of("cilium");
    List<String> policy = List.of("cilium", "ciliumpolicy");
    Column valid = column("Valid", "string", ".status.conditions[?(@.type=='Valid')].status");
    Schema rules =
        whole(
            "Rules about what endpoints or nodes may send and receive.",
            Schema.field("spec", PolicySchema.spec()),
            Schema.field("specs", Schema.list(PolicySchema.spec())),
            Schema.field("status", PolicySchema.status()));
    List<String> v2 = List.of("v2");
    return List.of(
        new Definition(
            "CiliumNetworkPolicy",
            "ciliumnetworkpolicies",
            List.of("cnp", "ciliumnp"),
            true,
            policy,
            true,
            List.of(AGE, valid),
            v2,
            rules),
        new Definition(
            "CiliumClusterwideNetworkPolicy",
            "ciliumclusterwidenetworkpolicies",
            List.of("ccnp"),
            false,
            policy,
            true,
            List.of(valid),
            v2,
            rules),
        new Definition(
            "CiliumEndpoint",
            "ciliumendpoints",
            List.of("cep", "ciliumep"),
            true,
            plain,
            false,
            List.of(
                column("Security Identity", "integer", ".status.identity.id"),
                new Column("Ingress Enforcement", "string", ".status.policy.ingress.state", 1),
                new Column("Egress Enforcement", "string", ".status.policy.egress.state", 1),
                column("Endpoint State", "string", ".status.state"),
                column("IPv4", "string", ".status.networking.addressing[0].ipv4"),
                column("IPv6", "string", ".status.networking.addressing[0].ipv6")),
            v2,
            whole(
                "An endpoint as its node tells the others of it.",
                Schema.field("status", ObjectSchemas.endpointStatus()))),
        new Definition(
            "CiliumIdentity",
            "ciliumidentities",
            List.of("ciliumid"),
            false,
            plain,
            true,
            List.of(
                column("Namespace", "string", ".metadata.labels.io\\.kubernetes\\.pod\\.namespace"),
                AGE),
            v2,
            whole(
                "The number, its name, that a set of labels has in the cluster.",
                Schema.required("security-labels", Schema.map(Schema.text())))),
        new Definition(
            "CiliumNode",
            "ciliumnodes",
            List.of("cn", "ciliumn"),
            false,
            plain,
            true,
            List.of(
                column(
                    "CiliumInternalIP",
                    "string",
                    ".spec.addresses[?(@.type==\"CiliumInternalIP\")].ip"),
                column("InternalIP", "string", ".spec.addresses[?(@.type==\"InternalIP\")].ip"),
                AGE),
            v2,
            whole(
                "A node as its agent and the operator tell the others of it.",
                Schema.required("spec", ObjectSchemas.nodeSpec()),
                Schema.field("status", ObjectSchemas.nodeStatus()))),
        new Definition(
            "CiliumCIDRGroup",
            "ciliumcidrgroups",
            List.of("ccg"),
            false,
            plain,
            false,
            List.of(),
            List.of("v2", "v2alpha1"),
            whole(
                "Prefixes that policies name together.",
                Schema.required("spec", ObjectSchemas.cidrGroupSpec()))),
        new Definition(
            "CiliumPodIPPool",
            "ciliumpodippools",
            List.of("cpip"),
            false,
            plain,
            false,
            List.of(),
            List.of("v2alpha1"),
            whole(
                "A pool that nodes' pod CIDRs are cut from.",
                Schema.required("spec", ObjectSchemas.podIpPoolSpec()))),
        new Definition(
            "CiliumLocalRedirectPolicy",
            "ciliumlocalredirectpolicies",
            List.of("clrp"),
            true,
            policy,
            false,
            List.of(AGE),
            v2,
            whole(
                "Traffic to an address or a service that goes to endpoints of the same node.",
                Schema.field("spec", ObjectSchemas.localRedirectSpec()),
                Schema.field("status", ObjectSchemas.localRedirectStatus()))));
  }
}
