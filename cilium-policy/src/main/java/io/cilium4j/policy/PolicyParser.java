// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.RawResource;
import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads policy objects from YAML or JSON, several documents a text, also lists as {@code kubectl
 * get -o yaml} prints them, and lists of plain rules as the API of the agent takes them; those get
 * the name of their source.
 *
 * <p>Either every object of a text is read or none: the first that is wrong is thrown as a {@link
 * PolicyParseException}. Inside {@code spec} and {@code specs} an unknown field is an error, since
 * a misspelt condition would widen the rule; {@code metadata} and {@code status} are passed over.
 */
public final class PolicyParser {
  private PolicyParser() {}

  /**
   * Reads every object of a text under the default configuration.
   *
   * @param yamlOrJson the text
   * @param sourceName where it comes from, for messages; usually a file name
   */
  public static List<PolicyResource> parse(String yamlOrJson, String sourceName) {
    return parse(yamlOrJson, sourceName, PolicyConfig.DEFAULT);
  }

  /** As {@link #parse(String, String)}, under the rules of {@code config}. */
  public static List<PolicyResource> parse(
      String yamlOrJson, String sourceName, PolicyConfig config) {
    var resources = new ArrayList<PolicyResource>();
    for (Object tree : documents(yamlOrJson, sourceName)) {
      resources.addAll(parseTree(tree, sourceName, config));
    }
    return List.copyOf(resources);
  }

  /** The documents of a text that are not empty. */
  static List<Object> documents(String yamlOrJson, String source) {
    try {
      var documents = new ArrayList<Object>();
      for (Object tree : DocumentReader.read(yamlOrJson)) {
        if (tree != null) {
          documents.add(tree);
        }
      }
      return documents;
    } catch (DocumentException e) {
      String line = e.line() > 0 ? "line " + e.line() : "";
      String problem = e.isSyntax() ? "\"" + e.problem() + "\"" : e.problem();
      var told = new PolicyParseException(source, "", line, problem, e.wanted());
      told.initCause(e);
      throw told;
    }
  }

  /**
   * What reading a text came to.
   *
   * @param resources the objects that are right
   * @param errors what is wrong with the others, in the order of the text
   */
  public record Checked(List<PolicyResource> resources, List<PolicyParseException> errors) {
    public Checked {
      resources = List.copyOf(resources);
      errors = List.copyOf(errors);
    }
  }

  /**
   * As {@link #parse(String, String, PolicyConfig)}, but goes on where something is wrong: with the
   * next item of the list, else with the next object. Never throws.
   */
  public static Checked check(String yamlOrJson, String sourceName, PolicyConfig config) {
    try {
      return check(documents(yamlOrJson, sourceName), sourceName, config);
    } catch (PolicyParseException e) {
      return new Checked(List.of(), List.of(e));
    }
  }

  /** As {@link #check}, of a document that has been read already; see {@link RawResource}. */
  public static Checked checkTree(Object tree, String sourceName, PolicyConfig config) {
    return check(List.of(tree), sourceName, config);
  }

  private static Checked check(List<?> documents, String source, PolicyConfig config) {
    var resources = new ArrayList<PolicyResource>();
    var errors = new ArrayList<PolicyParseException>();
    try {
      for (Object document : documents) {
        for (Object tree : objects(document, source)) {
          var problems = new ArrayList<PolicyParseException>();
          try {
            PolicyResource resource = read(tree, source, config, problems);
            if (problems.isEmpty()) {
              resources.add(resource);
            }
          } catch (PolicyParseException e) {
            // What is wrong with a whole may follow from a part that could not be read.
            if (problems.stream().noneMatch(known -> known.path().startsWith(e.path()))) {
              problems.add(e);
            }
          }
          errors.addAll(problems);
        }
      }
    } catch (PolicyParseException e) {
      errors.add(e);
    }
    return new Checked(resources, errors);
  }

  /** Whether a text is a rule or a list of rules, as the API of the agent takes them. */
  public static boolean isRules(String yamlOrJson) {
    try {
      List<Object> documents = documents(yamlOrJson, "");
      return !documents.isEmpty() && documents.stream().allMatch(PolicyParser::isPlainRules);
    } catch (PolicyParseException e) {
      return false;
    }
  }

  /**
   * As {@link #parse(String, String, PolicyConfig)}, of a document that has been read already.
   *
   * @param tree its nodes as {@link RawResource} describes them
   */
  public static List<PolicyResource> parseTree(
      Object tree, String sourceName, PolicyConfig config) {
    var resources = new ArrayList<PolicyResource>();
    for (Object object : objects(tree, sourceName)) {
      resources.add(read(object, sourceName, config, null));
    }
    return List.copyOf(resources);
  }

  /** Whether a tree is a rule, or a list of rules, as the API of the agent takes them. */
  private static boolean isPlainRules(Object tree) {
    if (tree instanceof Map<?, ?> map) {
      return !map.containsKey("kind")
          && (map.containsKey("endpointSelector") || map.containsKey("nodeSelector"));
    }
    return tree instanceof List<?> list
        && list.stream().allMatch(item -> item instanceof Map<?, ?> && isPlainRules(item));
  }

  private static PolicyResource rules(
      Object tree,
      String source,
      PolicyConfig config,
      @Nullable List<PolicyParseException> problems) {
    var resource = new ResourceName(CiliumPolicy.RULES_KIND, "", source);
    Object list = tree instanceof Map<?, ?> ? List.of(tree) : tree;
    var document =
        new Field.Document(source, resource.toString(), config.referenceCompat(), problems);
    return new CiliumPolicyReader(config).rules(resource, new Field(document, "", list));
  }

  /**
   * The objects of a document: the items of a {@code List} or of a list, else the document itself.
   */
  private static List<Object> objects(Object document, String source) {
    if (isPlainRules(document)) {
      return List.of(document);
    }
    if (document instanceof List<?> list) {
      return objects(Map.of("kind", "List", "items", list), source);
    }
    if (!(document instanceof Map<?, ?> map)
        || !"List".equals(map.get("kind"))
        || !(map.get("items") instanceof List<?> items)) {
      return List.of(document);
    }
    var objects = new ArrayList<Object>();
    for (Object item : items) {
      if (item == null) {
        throw new PolicyParseException(source, "", "items", "null", "an object");
      }
      objects.addAll(objects(item, source));
    }
    return objects;
  }

  /** Reads one object from its tree of maps, lists and scalars. */
  private static PolicyResource read(
      Object tree,
      String source,
      PolicyConfig config,
      @Nullable List<PolicyParseException> problems) {
    if (isPlainRules(tree)) {
      return rules(tree, source, config, problems);
    }
    var unnamed = new Field(new Field.Document(source, "", true), "", tree);
    String apiVersion = unnamed.need("apiVersion").text();
    Field kindField = unnamed.need("kind");
    String kind = kindField.text();
    boolean namespaced = isNamespaced(apiVersion, kind, unnamed);
    Field metadata = unnamed.need("metadata");
    String name = metadata.need("name").text();
    if (name.isEmpty()) {
      throw metadata.need("name").wanted("a name");
    }
    Field namespaceField = metadata.find("namespace");
    var resource =
        new ResourceName(kind, namespace(kind, namespaced, namespaceField, config), name);
    var object =
        new Field(
            new Field.Document(source, resource.toString(), config.referenceCompat(), problems),
            "",
            tree);
    return switch (kind) {
      case NetworkPolicy.KIND -> new KubernetesPolicyReader(config).read(resource, object);
      case ClusterNetworkPolicy.KIND -> new ClusterPolicyReader(config).read(resource, object);
      case CidrGroup.KIND -> KubernetesPolicyReader.cidrGroup(resource, object);
      default -> new CiliumPolicyReader(config).read(resource, object);
    };
  }

  /**
   * A namespaced object without a namespace is in {@code default}, as for {@code kubectl}. To the
   * reference a Cilium policy without one is of the whole cluster; no API server stores such.
   */
  private static String namespace(
      String kind, boolean namespaced, @Nullable Field field, PolicyConfig config) {
    String given = field == null ? "" : field.text();
    boolean ofCluster = config.referenceCompat() && kind.equals(CiliumPolicy.KIND);
    if (!namespaced) {
      return "";
    }
    return given.isEmpty() && !ofCluster ? "default" : given;
  }

  /** Whether the kind is namespaced; refuses what is not read here. */
  private static boolean isNamespaced(String apiVersion, String kind, Field object) {
    String wanted =
        switch (kind) {
          case CiliumPolicy.KIND, CiliumPolicy.CLUSTERWIDE_KIND -> "cilium.io/v2";
          case CidrGroup.KIND ->
              apiVersion.equals("cilium.io/v2alpha1") ? apiVersion : "cilium.io/v2";
          case NetworkPolicy.KIND -> "networking.k8s.io/v1";
          case ClusterNetworkPolicy.KIND -> "policy.networking.k8s.io/v1alpha2";
          default ->
              throw object
                  .need("kind")
                  .wanted(
                      "CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy, CiliumCIDRGroup,"
                          + " NetworkPolicy or ClusterNetworkPolicy");
        };
    if (!apiVersion.equals(wanted)) {
      throw object.need("apiVersion").wanted(wanted + " for a " + kind);
    }
    return kind.equals(CiliumPolicy.KIND) || kind.equals(NetworkPolicy.KIND);
  }
}
