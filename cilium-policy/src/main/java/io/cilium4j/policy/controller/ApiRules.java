// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import io.cilium4j.policy.CiliumPolicy;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.controller.CopiedFile.Restored;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rules that a user gives the agent by hand, beside those of Kubernetes: each becomes a policy
 * object of cluster scope with a name that no object of Kubernetes can have. They are known by
 * their labels.
 *
 * <p>They outlive the process: a restart that forgot them would let pass what they deny. All are in
 * one file with a copy, so that a change of several is there as a whole or not at all.
 *
 * <p>Safe for use by several threads.
 */
public final class ApiRules {
  private static final Logger LOG = LoggerFactory.getLogger(ApiRules.class);

  /** Begins the name of such an object; Kubernetes takes no colon in names. */
  private static final String PREFIX = "api:";

  /** Most rules at a time: a bound on what a client may store here. */
  private static final int MAX_RULES = 10_000;

  /** Most bytes of all of them: some times what the API takes at once. */
  private static final int MAX_BYTES = 16 << 20;

  /** Raised when the file's form changes; another version's file is damaged to this one. */
  private static final int VERSION = 1;

  private final PolicyConfig config;
  private final CopiedFile file;
  private final TableWriter<ResourceKey, RawResource> objects = TableWriter.create("api-rules");

  /** The rules as they were given. Written together with the objects, under this object's lock. */
  private final TreeMap<ResourceKey, Rule> rules = new TreeMap<>();

  /** What this start could not read. */
  private final List<String> unread;

  private long lastNumber;

  /**
   * A rule as it was given.
   *
   * @param tree its JSON
   * @param labels by which it is known
   */
  private record Rule(Object tree, List<Label> labels) {}

  /**
   * Reads what an earlier run kept; a rule that cannot be read costs itself and no more.
   *
   * @param copy holds the same, for where the file is damaged
   */
  public ApiRules(PolicyConfig config, StateFile file, StateFile copy) {
    this.config = config;
    this.file = new CopiedFile(file, copy);
    Restored<Map<RawResource, Rule>> restored = this.file.restore(this::read);
    restored.value().orElse(Map.of()).forEach((object, rule) -> rules.put(object.key(), rule));
    var _ =
        objects.write(batch ->
            restored
                .value()
                .orElse(Map.of())
                .keySet()
                .forEach(each -> batch.put(each.key(), each)));
    LOG.info("rules restored rules={}", rules.size());
    this.unread = restored.problems();
    problem().ifPresent(text -> LOG.error("{} file={}", text, file));
  }

  private Restored<Map<RawResource, Rule>> read(byte[] content) {
    Object root = DocumentReader.readKept(content);
    if (!Objects.equals(Trees.at(root, "version"), VERSION)) {
      throw new IllegalArgumentException("wanted version " + VERSION);
    }
    Map<RawResource, Rule> read = new LinkedHashMap<>();
    List<String> problems = new ArrayList<>();
    for (Map.Entry<String, ?> entry : Trees.map(Trees.at(root, "rules")).entrySet()) {
      try {
        long number = Long.parseLong(entry.getKey());
        Object rule = Objects.requireNonNullElse(entry.getValue(), Map.of());
        read.put(object(rule, number, entry.getKey()), new Rule(rule, labelsOf(rule)));
        lastNumber = Math.max(lastNumber, number);
      } catch (IllegalArgumentException e) {
        problems.add(String.valueOf(e.getMessage()));
      }
    }
    return new Restored<>(Optional.of(read), problems);
  }

  /** Why rules of an earlier run are not in force any more; absent if all are. */
  public Optional<String> problem() {
    return file.loss("rules given by hand", unread);
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

  /** Whether the policy object of this name is a rule given by hand. */
  public static boolean isApiRule(String objectName) {
    return objectName.startsWith(PREFIX);
  }

  /** The rules as policy objects. */
  public Table<ResourceKey, RawResource> objects() {
    return objects.table();
  }

  /**
   * Adds rules.
   *
   * @param json a list of rules
   * @return the change, to wait for
   * @throws IllegalArgumentException if one of them is wrong; then none is added
   * @throws StorageException if they cannot be kept; then none is added either
   */
  public synchronized PolicyRevision add(String json, Replaced replaced) {
    List<RawResource> added = new ArrayList<>();
    TreeMap<ResourceKey, Rule> next = new TreeMap<>();
    long number = lastNumber;
    for (Object rule : read(json)) {
      RawResource object = object(rule, ++number, Integer.toString(added.size()));
      added.add(object);
      next.put(object.key(), new Rule(rule, labelsOf(rule)));
    }
    List<List<Label>> theirLabels = next.values().stream().map(Rule::labels).toList();
    List<ResourceKey> gone =
        switch (replaced) {
          case Replaced.None _ -> List.of();
          case Replaced.SameLabels _ -> having(theirLabels::contains);
          case Replaced.Having having -> having(labels -> hasAll(labels, having.labels()));
        };
    rules.forEach(next::putIfAbsent);
    next.keySet().removeAll(gone);
    if (next.size() > MAX_RULES) {
      throw new IllegalArgumentException("more than " + MAX_RULES + " rules given by hand");
    }
    lastNumber = number;
    return replaceBy(next, added);
  }

  /** Puts the rules into their file, and then into force. */
  private PolicyRevision replaceBy(Map<ResourceKey, Rule> next, List<RawResource> added) {
    keep(next);
    List<ResourceKey> gone = rules.keySet().stream().filter(key -> !next.containsKey(key)).toList();
    rules.clear();
    rules.putAll(next);
    return revision(
        objects.write(batch -> {
          gone.forEach(batch::remove);
          added.forEach(each -> batch.put(each.key(), each));
        }));
  }

  private static PolicyRevision revision(long number) {
    return new PolicyRevision(PolicyRevision.Input.API_RULES, number);
  }

  private void keep(Map<ResourceKey, Rule> next) {
    Map<String, Object> byNumber = new LinkedHashMap<>();
    next.forEach((key, rule) -> byNumber.put(key.name().substring(PREFIX.length()), rule.tree()));
    byte[] content = JsonWriter.writeBytes(Map.of("version", VERSION, "rules", byNumber));
    if (content.length > MAX_BYTES) {
      throw new IllegalArgumentException(
          "more than " + MAX_BYTES + " bytes of rules given by hand");
    }
    try {
      file.write(content);
    } catch (IOException e) {
      throw new StorageException("write rules given by hand: " + e.getMessage(), e);
    }
  }

  /**
   * Removes rules.
   *
   * @param wanted labels that a rule must have; empty for every rule
   * @throws StorageException if that cannot be kept; then none is removed
   */
  public synchronized Removed delete(List<Label> wanted) {
    List<ResourceKey> gone = having(labels -> hasAll(labels, wanted));
    if (gone.isEmpty()) {
      return new Removed(0, revision(objects.table().revision()));
    }
    var next = new TreeMap<>(rules);
    next.keySet().removeAll(gone);
    return new Removed(gone.size(), replaceBy(next, List.of()));
  }

  /**
   * What a removal did.
   *
   * @param rules how many rules went
   * @param revision the change, to wait for
   */
  public record Removed(int rules, PolicyRevision revision) {}

  private List<ResourceKey> having(Predicate<List<Label>> labels) {
    return rules.entrySet().stream()
        .filter(entry -> labels.test(entry.getValue().labels()))
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

  private static List<Object> read(String json) {
    Object root;
    try {
      root = DocumentReader.readJson(json);
    } catch (DocumentException e) {
      throw new IllegalArgumentException("rules: " + e.getMessage(), e);
    }
    if (!(root instanceof List<?> list)) {
      throw new IllegalArgumentException("rules: wanted a list");
    }
    return list.stream().<Object>map(rule -> Objects.requireNonNullElse(rule, Map.of())).toList();
  }

  private RawResource object(Object rule, long number, String index) {
    var key = new ResourceKey(CiliumPolicy.CLUSTERWIDE_KIND, "", PREFIX + number);
    String apiVersion = "cilium.io/v2";
    Map<String, @Nullable Object> object = new LinkedHashMap<>();
    object.put("apiVersion", apiVersion);
    object.put("kind", key.kind());
    object.put("metadata", Map.of("name", key.name()));
    object.put("spec", rule);
    try {
      var _ = PolicyParser.parseTree(object, "rule " + index, config);
    } catch (PolicyParseException e) {
      throw new IllegalArgumentException(String.valueOf(e.getMessage()), e);
    }
    return new RawResource(key, apiVersion, Trees.copyOf(object));
  }

  /** As text or as {@code {source, key, value}}; the parser has checked their form. */
  private static List<Label> labelsOf(Object rule) {
    List<Label> labels = new ArrayList<>();
    for (Object label : Trees.items(rule, "labels")) {
      if (label instanceof String text) {
        labels.add(Label.parse(text));
      } else {
        String source = Trees.text(label, "source");
        labels.add(
            new Label(
                source.isEmpty() ? LabelSource.UNSPEC : source,
                Trees.text(label, "key"),
                Trees.text(label, "value")));
      }
    }
    return List.copyOf(labels);
  }
}
