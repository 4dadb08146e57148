// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicyWriter;
import io.cilium4j.policy.ResourceName;
import io.cilium4j.policy.controller.CopiedFile.Restored;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The policy objects that the embedding program applied, beside those of Kubernetes; of one name
 * the program's counts. They outlive the process, all in one file with a copy, so that a change of
 * several is there as a whole or not at all.
 *
 * <p>Safe for use by several threads.
 */
public final class ProgramPolicies {
  private static final Logger LOG = LoggerFactory.getLogger(ProgramPolicies.class);

  /** Most bytes of all of them: some times what an API server takes at once. */
  private static final int MAX_BYTES = 16 << 20;

  /** Raised when the file's form changes; another version's file is damaged to this one. */
  private static final int VERSION = 1;

  /** Names the text in messages. */
  private static final String SOURCE = "applied policy";

  private final PolicyConfig config;
  private final CopiedFile file;
  private final TableWriter<ResourceKey, RawResource> objects =
      TableWriter.create("program-policies");

  /** What this start could not read. */
  private final List<String> unread;

  /**
   * Reads what an earlier run kept.
   *
   * @param copy holds the same, for where the file is damaged
   */
  public ProgramPolicies(PolicyConfig config, StateFile file, StateFile copy) {
    this.config = config;
    this.file = new CopiedFile(file, copy);
    Restored<List<RawResource>> restored = this.file.restore(this::read);
    List<RawResource> policies = restored.value().orElse(List.of());
    var _ = objects.write(batch -> policies.forEach(each -> batch.put(each.key(), each)));
    LOG.info("policies of the program restored policies={}", policies.size());
    this.unread = restored.problems();
    problem().ifPresent(text -> LOG.error("{} file={}", text, file));
  }

  private Restored<List<RawResource>> read(byte[] content) {
    Object root = DocumentReader.readKept(content);
    if (!Objects.equals(Trees.at(root, "version"), VERSION)) {
      throw new IllegalArgumentException("wanted version " + VERSION);
    }
    List<RawResource> read = new ArrayList<>();
    for (Object object : Trees.items(root, "policies")) {
      read.addAll(objects(PolicyParser.parseTree(object, SOURCE, config)));
    }
    return new Restored<>(Optional.of(read), List.of());
  }

  /** Why policies of an earlier run are not in force any more; absent if all are. */
  public Optional<String> problem() {
    return file.loss("policies applied by the program", unread);
  }

  /** The policies. */
  public Table<ResourceKey, RawResource> objects() {
    return objects.table();
  }

  /**
   * Adds policies; one of a name that is there takes its place.
   *
   * @param yamlOrJson any number of policy objects
   * @throws IllegalArgumentException if one of them is wrong, or there is none; none is added then
   * @throws StorageException if they cannot be kept; none is added then either
   */
  public synchronized PolicyRevision apply(String yamlOrJson) {
    List<RawResource> added = parse(yamlOrJson);
    if (added.isEmpty()) {
      throw new IllegalArgumentException("no policy in the text");
    }
    Map<ResourceKey, RawResource> next = now();
    added.forEach(each -> next.put(each.key(), each));
    keep(next);
    return revision(objects.write(batch -> added.forEach(each -> batch.put(each.key(), each))));
  }

  /**
   * Takes a policy back; absent if the program has applied none of this name.
   *
   * @throws StorageException if that cannot be kept; then it stays
   */
  public synchronized Optional<PolicyRevision> delete(ResourceKey key) {
    Map<ResourceKey, RawResource> next = now();
    if (next.remove(key) == null) {
      return Optional.empty();
    }
    keep(next);
    return Optional.of(revision(objects.write(batch -> batch.remove(key))));
  }

  private Map<ResourceKey, RawResource> now() {
    Map<ResourceKey, RawResource> present = new TreeMap<>();
    for (Row<ResourceKey, RawResource> row : objects.table().snapshot()) {
      present.put(row.key(), row.value());
    }
    return present;
  }

  private static PolicyRevision revision(long number) {
    return new PolicyRevision(PolicyRevision.Input.PROGRAM, number);
  }

  private void keep(Map<ResourceKey, RawResource> next) {
    List<?> policies = next.values().stream().map(RawResource::object).toList();
    byte[] content = JsonWriter.writeBytes(Map.of("version", VERSION, "policies", policies));
    if (content.length > MAX_BYTES) {
      throw new IllegalArgumentException("more than " + MAX_BYTES + " bytes of policies");
    }
    try {
      file.write(content);
    } catch (IOException e) {
      throw new StorageException("write policies of the program: " + e.getMessage(), e);
    }
  }

  private List<RawResource> parse(String yamlOrJson) {
    try {
      return objects(PolicyParser.parse(yamlOrJson, SOURCE, config));
    } catch (PolicyParseException e) {
      throw new IllegalArgumentException(String.valueOf(e.getMessage()), e);
    }
  }

  /** Policies as the parser understood them, so that a later one understands the same. */
  private static List<RawResource> objects(List<PolicyResource> policies) {
    List<RawResource> read = new ArrayList<>();
    for (PolicyResource policy : policies) {
      ResourceName name = policy.resource();
      if (!(PolicyWriter.toTree(policy) instanceof Map<?, ?> object)) {
        throw new IllegalArgumentException("a list of rules: wanted policy objects");
      }
      read.add(
          new RawResource(
              new ResourceKey(name.kind(), name.namespace(), name.name()),
              Trees.text(object, "apiVersion"),
              Trees.copyOf(Trees.map(object))));
    }
    return read;
  }
}
