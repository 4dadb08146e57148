// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.test;

import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import io.cilium4j.policy.Party;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicyServices;
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
import org.jspecify.annotations.Nullable;

/**
 * What a folder of manifests holds for tests of policies: the policies, the pods that its workloads
 * make, and the labels of its namespaces. Everything else in it is passed over.
 *
 * @param policies the policies
 * @param services the services, which {@code toServices} may mean
 * @param pods the pods by {@code namespace/name} of their workload
 * @param namespaces the labels of each namespace that has an object of its own
 */
record Manifests(
    List<PolicyResource> policies,
    PolicyServices services,
    Map<String, Party.Pod> pods,
    Map<String, Map<String, String>> namespaces) {

  /**
   * Reads every {@code .yaml}, {@code .yml} and {@code .json} file in a folder and below.
   *
   * @throws IllegalArgumentException if one cannot be understood, or if there is no policy at all
   */
  static Manifests read(Path folder) {
    var manifests =
        new Manifests(new ArrayList<>(), new PolicyServices(), new TreeMap<>(), new TreeMap<>());
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
    try {
      DocumentReader.read(Files.readString(file)).forEach(document -> add(document, file));
    } catch (DocumentException e) {
      throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(file + ": " + e.getMessage(), e);
    }
  }

  private void add(@Nullable Object object, Path file) {
    String kind = text(object, "kind");
    switch (kind) {
      case "List" -> Trees.items(object, "items").forEach(item -> add(item, file));
      case "Namespace" -> namespaces.put(text(object, "metadata", "name"), labels(object));
      case "Service", "EndpointSlice" -> services.put(resource(kind, object));
      case "Pod" -> add(object, object, file);
      case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController" ->
          add(object, Trees.at(object, "spec", "template"), file);
      case "CronJob" ->
          add(object, Trees.at(object, "spec", "jobTemplate", "spec", "template"), file);
      default -> {
        if (object != null && isPolicy(object)) {
          policies.addAll(PolicyParser.parseTree(object, file.toString(), PolicyConfig.DEFAULT));
        }
      }
    }
  }

  private static RawResource resource(String kind, @Nullable Object object) {
    String namespace = text(object, "metadata", "namespace");
    var key =
        new ResourceKey(
            kind, namespace.isEmpty() ? "default" : namespace, text(object, "metadata", "name"));
    return new RawResource(key, text(object, "apiVersion"), Trees.map(object));
  }

  /** Whatever may be meant as a policy is the parser's to read, or to refuse. */
  private static boolean isPolicy(Object object) {
    String group = text(object, "apiVersion");
    String kind = text(object, "kind").toLowerCase(Locale.ROOT);
    return kind.contains("policy")
        ? group.startsWith("cilium.io/") || group.contains("networking.k8s.io/")
        : kind.equals("ciliumcidrgroup");
  }

  private void add(@Nullable Object workload, @Nullable Object template, Path file) {
    String namespace = text(workload, "metadata", "namespace");
    namespace = namespace.isEmpty() ? "default" : namespace;
    String name = namespace + "/" + text(workload, "metadata", "name");
    String account = text(template, "spec", "serviceAccountName");
    Party.Pod pod =
        Party.pod(namespace, labels(template))
            .withServiceAccount(account.isEmpty() ? "default" : account);
    List<Object> containers = new ArrayList<>(Trees.items(template, "spec", "containers"));
    Trees.items(template, "spec", "initContainers").stream()
        .filter(each -> text(each, "restartPolicy").equals("Always")) // A sidecar.
        .forEach(containers::add);
    for (Object container : containers) {
      for (Object port : Trees.items(container, "ports")) {
        String portName = text(port, "name");
        if (!portName.isEmpty()) {
          String protocol = text(port, "protocol");
          pod =
              pod.withNamedPort(
                  portName,
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

  /** The labels of an object, or of the template of one. */
  private static Map<String, String> labels(@Nullable Object object) {
    Map<String, String> byKey = new TreeMap<>();
    if (Trees.at(object, "metadata", "labels") instanceof Map<?, ?> labels) {
      labels.keySet().forEach(key -> byKey.put(key.toString(), text(labels, key.toString())));
    }
    return byKey;
  }

  /** A scalar as text; of anything else, and of nothing, the empty text. */
  private static String text(@Nullable Object object, String... keys) {
    Object value = Trees.at(object, keys);
    return value == null || value instanceof Map<?, ?> || value instanceof List<?>
        ? ""
        : value.toString();
  }
}
