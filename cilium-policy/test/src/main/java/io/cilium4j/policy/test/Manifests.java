// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.test;

import io.cilium4j.policy.Party;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PortProtocol;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MappingIterator;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * What a folder of manifests holds for tests of policies: the policies, the pods that its workloads
 * make, and the labels of its namespaces. Everything else in it is passed over.
 *
 * @param policies the policies
 * @param pods the pods by {@code namespace/name} of their workload
 * @param namespaces the labels of each namespace that has an object of its own
 */
record Manifests(
    List<PolicyResource> policies,
    Map<String, Party.Pod> pods,
    Map<String, Map<String, String>> namespaces) {

  /** Keys that stand twice are refused: readers disagree on which one counts. */
  private static final YAMLMapper YAML =
      YAMLMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /**
   * Reads every {@code .yaml}, {@code .yml} and {@code .json} file in a folder and below.
   *
   * @throws IllegalArgumentException if one cannot be understood, or if there is no policy at all
   */
  static Manifests read(Path folder) {
    var manifests = new Manifests(new ArrayList<>(), new TreeMap<>(), new TreeMap<>());
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files = all.filter(Files::isRegularFile).filter(Manifests::isManifest).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException("policies in " + folder.toAbsolutePath() + ": " + e, e);
    }
    for (Path file : files) {
      manifests.add(file);
    }
    if (manifests.policies.isEmpty()) {
      throw new IllegalArgumentException("no policy in " + folder.toAbsolutePath());
    }
    return manifests;
  }

  private static boolean isManifest(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return name.endsWith(".yaml") || name.endsWith(".yml") || name.endsWith(".json");
  }

  private void add(Path file) {
    try (MappingIterator<JsonNode> documents =
        YAML.readerFor(JsonNode.class).readValues(file.toFile())) {
      while (documents.hasNext()) {
        add(documents.next(), file);
      }
    } catch (JacksonException e) {
      throw new IllegalArgumentException(file + ": " + e.getOriginalMessage(), e);
    }
  }

  private void add(JsonNode object, Path file) {
    String kind = text(object, "kind");
    switch (kind) {
      case "List" -> object.path("items").forEach(item -> add(item, file));
      case "Namespace" ->
          namespaces.put(
              text(object.path("metadata"), "name"),
              labels(object.path("metadata").path("labels")));
      case "Pod" -> add(object, object, file);
      case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController" ->
          add(object, object.path("spec").path("template"), file);
      case "CronJob" ->
          add(object, object.path("spec").path("jobTemplate").path("spec").path("template"), file);
      default -> {
        if (isPolicy(object)) {
          policies.addAll(PolicyParser.parse(object.toString(), file.toString()));
        }
      }
    }
  }

  /** Whatever may be meant as a policy is the parser's to read, or to refuse. */
  private static boolean isPolicy(JsonNode object) {
    String group = text(object, "apiVersion");
    String kind = text(object, "kind").toLowerCase(Locale.ROOT);
    return kind.contains("policy")
        ? group.startsWith("cilium.io/") || group.contains("networking.k8s.io/")
        : kind.equals("ciliumcidrgroup");
  }

  private void add(JsonNode workload, JsonNode template, Path file) {
    JsonNode metadata = workload.path("metadata");
    String namespace = text(metadata, "namespace");
    namespace = namespace.isEmpty() ? "default" : namespace;
    String name = namespace + "/" + text(metadata, "name");
    JsonNode spec = template.path("spec");
    String account = text(spec, "serviceAccountName");
    Party.Pod pod =
        Party.pod(namespace, labels(template.path("metadata").path("labels")))
            .withServiceAccount(account.isEmpty() ? "default" : account);
    for (JsonNode container : spec.path("containers")) {
      for (JsonNode port : container.path("ports")) {
        if (port.has("name")) {
          String protocol = text(port, "protocol");
          pod =
              pod.withNamedPort(
                  text(port, "name"),
                  PortProtocol.parse(
                      text(port, "containerPort") + "/" + (protocol.isEmpty() ? "TCP" : protocol)));
        }
      }
    }
    Party.Pod former = pods.putIfAbsent(name, pod);
    if (former != null && !former.equals(pod)) {
      throw new IllegalArgumentException(
          file + ": there is a workload " + name + " already, and it has other labels");
    }
  }

  private static Map<String, String> labels(JsonNode labels) {
    Map<String, String> byKey = new TreeMap<>();
    labels.properties().forEach(label -> byKey.put(label.getKey(), label.getValue().asString("")));
    return byKey;
  }

  private static String text(JsonNode object, String field) {
    return object.path(field).asString("");
  }
}
