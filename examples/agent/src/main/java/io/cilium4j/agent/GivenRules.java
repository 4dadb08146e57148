// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.policy.CiliumPolicy;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * Rules that a user gives the agent by hand, beside those of Kubernetes: each becomes a policy
 * object of cluster scope with a name that no object of Kubernetes can have. They are known by
 * their labels, and go with the agent's process.
 *
 * <p>Safe for use by several threads.
 */
public final class GivenRules {

  /** Begins the name of such an object; Kubernetes takes no colon in names. */
  private static final String PREFIX = "api:";

  /** Most rules at a time: a bound on what a client may store here. */
  private static final int MAX_RULES = 10_000;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private final PolicyConfig config;
  private final TableWriter<ResourceKey, RawResource> objects = TableWriter.create("given-rules");

  /** The labels of each rule. Written together with the objects, under this object's lock. */
  private final TreeMap<ResourceKey, List<Label>> labels = new TreeMap<>();

  private long lastNumber;

  GivenRules(PolicyConfig config) {
    this.config = config;
  }

  /** Which rules go when others come. */
  public sealed interface Replaced {
    /** None. */
    record None() implements Replaced {}

    /** Those with the very labels of a new one. */
    record SameLabels() implements Replaced {}

    /** Those that have all of these labels. */
    record Having(List<Label> labels) implements Replaced {
      public Having {
        labels = List.copyOf(labels);
      }
    }
  }

  static boolean isGiven(ResourceKey key) {
    return isGiven(key.name());
  }

  /** Whether the policy object of this name is a rule given by hand. */
  public static boolean isGiven(String objectName) {
    return objectName.startsWith(PREFIX);
  }

  /** The rules as policy objects. */
  Table<ResourceKey, RawResource> objects() {
    return objects.table();
  }

  /**
   * Adds rules.
   *
   * @param json a list of rules
   * @return the revision of the table of objects from then on
   * @throws IllegalArgumentException if one of them is wrong; then none is added
   */
  public synchronized long add(String json, Replaced replaced) {
    List<RawResource> added = new ArrayList<>();
    List<List<Label>> theirLabels = new ArrayList<>();
    long number = lastNumber;
    for (JsonNode rule : read(json)) {
      added.add(object(rule, ++number, theirLabels.size()));
      theirLabels.add(labelsOf(rule));
    }
    List<ResourceKey> gone =
        switch (replaced) {
          case Replaced.None _ -> List.of();
          case Replaced.SameLabels _ ->
              labels.keySet().stream()
                  .filter(key -> theirLabels.contains(labels.get(key)))
                  .toList();
          case Replaced.Having having -> having(having.labels());
        };
    if (labels.size() - gone.size() + added.size() > MAX_RULES) {
      throw new IllegalArgumentException("more than " + MAX_RULES + " rules given by hand");
    }
    lastNumber = number;
    gone.forEach(labels::remove);
    for (int i = 0; i < added.size(); i++) {
      labels.put(added.get(i).key(), theirLabels.get(i));
    }
    return objects.write(batch -> {
      gone.forEach(batch::remove);
      added.forEach(each -> batch.put(each.key(), each));
    });
  }

  /**
   * Removes rules.
   *
   * @param wanted labels that a rule must have; empty for every rule
   */
  public synchronized Removed delete(List<Label> wanted) {
    List<ResourceKey> gone = having(wanted);
    gone.forEach(labels::remove);
    return new Removed(gone.size(), objects.write(batch -> gone.forEach(batch::remove)));
  }

  /**
   * What a removal did.
   *
   * @param rules how many rules went
   * @param revision of the table of objects from then on
   */
  public record Removed(int rules, long revision) {}

  private List<ResourceKey> having(List<Label> wanted) {
    return labels.entrySet().stream()
        .filter(entry -> hasAll(entry.getValue(), wanted))
        .map(entry -> entry.getKey())
        .toList();
  }

  /** Whether a rule has all of these labels; one with the source {@code any} means every source. */
  public static boolean hasAll(List<Label> labels, List<Label> wanted) {
    return wanted.stream()
        .allMatch(want ->
            labels.stream()
                .anyMatch(has ->
                    has.key().equals(want.key())
                        && has.value().equals(want.value())
                        && (want.source().equals(LabelSource.ANY)
                            || has.source().equals(want.source()))));
  }

  /** How many rules there are. */
  public int size() {
    return objects.table().snapshot().size();
  }

  private static List<JsonNode> read(String json) {
    JsonNode root;
    try {
      root = JSON.readTree(json);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("rules: no JSON: " + e.getOriginalMessage(), e);
    }
    if (!root.isArray()) {
      throw new IllegalArgumentException("rules: wanted a list");
    }
    List<JsonNode> rules = new ArrayList<>();
    root.forEach(rules::add);
    return rules;
  }

  private RawResource object(JsonNode rule, long number, int index) {
    var key = new ResourceKey(CiliumPolicy.CLUSTERWIDE_KIND, "", PREFIX + number);
    String apiVersion = "cilium.io/v2";
    ObjectNode object = JSON.createObjectNode();
    object.put("apiVersion", apiVersion).put("kind", key.kind());
    object.putObject("metadata").put("name", key.name());
    object.set("spec", rule);
    String json = object.toString();
    try {
      var _ = PolicyParser.parse(json, "rule " + index, config);
    } catch (PolicyParseException e) {
      throw new IllegalArgumentException(String.valueOf(e.getMessage()), e);
    }
    return new RawResource(key, apiVersion, json);
  }

  /** As text or as {@code {source, key, value}}; the parser has checked their form. */
  private static List<Label> labelsOf(JsonNode rule) {
    List<Label> labels = new ArrayList<>();
    for (JsonNode label : rule.path("labels")) {
      if (label.isString()) {
        labels.add(Label.parse(label.stringValue()));
      } else {
        String source = label.path("source").asString("");
        labels.add(
            new Label(
                source.isEmpty() ? LabelSource.UNSPEC : source,
                label.path("key").asString(""),
                label.path("value").asString("")));
      }
    }
    return List.copyOf(labels);
  }
}
