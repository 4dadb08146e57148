// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.core.Namespace;
import io.cilium4j.core.RawResource;
import io.cilium4j.k8s.ManifestFolder;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicyServices;
import io.cilium4j.policy.PolicyWarnings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/**
 * What the files of a path say, read as the agent reads its folder of manifests; a file by itself
 * may also be a list of plain rules, as the agent's API takes them.
 *
 * @param policies those that are right
 * @param namespaces the namespaces among the objects
 * @param services the services among the objects, which {@code toServices} may mean
 * @param errors what is wrong, a line each
 * @param warnings what its author may not have meant, and what nobody reads, a line each
 */
record PolicyFiles(
    List<PolicyResource> policies,
    List<Namespace> namespaces,
    PolicyServices services,
    List<String> errors,
    List<String> warnings) {

  /** Kinds that are policy; other objects of a folder say nothing of verdicts. */
  private static final Set<String> KINDS =
      Set.of(
          "CiliumNetworkPolicy",
          "CiliumClusterwideNetworkPolicy",
          "CiliumCIDRGroup",
          "NetworkPolicy",
          "ClusterNetworkPolicy");

  /**
   * Reads a folder, a file, or with {@code -} the standard input.
   *
   * @throws IOException if it cannot be read; the message says what and why
   */
  static PolicyFiles read(Path path, Console console, PolicyConfig config) throws IOException {
    if (Files.isDirectory(path)) {
      return of(ManifestFolder.read(path), config);
    }
    String text = console.read(path);
    String name = path.toString().equals("-") ? "standard input" : path.toString();
    if (PolicyParser.isRules(text)) {
      PolicyParser.Checked checked = PolicyParser.check(text, name, config);
      var files =
          new PolicyFiles(
              new ArrayList<>(),
              List.of(),
              new PolicyServices(),
              new ArrayList<>(),
              new ArrayList<>());
      files.add(checked, name, config);
      return files;
    }
    return of(ManifestFolder.parse(name, text), config);
  }

  /** The files that a path means: itself, or of a folder those that are read of it. */
  static List<Path> files(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return List.of(path);
    }
    return ManifestFolder.read(path).files().stream().map(path::resolve).toList();
  }

  private static PolicyFiles of(ManifestFolder folder, PolicyConfig config) {
    var services = new PolicyServices();
    var files =
        new PolicyFiles(
            new ArrayList<>(), folder.namespaces(), services, new ArrayList<>(), new ArrayList<>());
    folder.problems().forEach((where, what) -> files.errors.add(line(where + ": " + what)));
    folder.notes().forEach((where, what) -> files.warnings.add(line(where + ": warning: " + what)));
    for (RawResource raw : folder.resources()) {
      if (KINDS.contains(raw.key().kind())) {
        files.add(PolicyParser.checkTree(raw.object(), raw.origin(), config), raw.origin(), config);
      } else if (PolicyServices.reads(raw.key().kind())) {
        services.put(raw);
      }
    }
    for (RawResource raw : folder.shadowed()) {
      if (KINDS.contains(raw.key().kind())) {
        PolicyParser.checkTree(raw.object(), raw.origin(), config)
            .errors()
            .forEach(error -> files.errors.add(line(error.getMessage())));
      }
    }
    return files;
  }

  private void add(PolicyParser.Checked checked, String origin, PolicyConfig config) {
    checked.errors().forEach(error -> errors.add(line(error.getMessage())));
    policies.addAll(checked.resources());
    for (PolicyResource resource : checked.resources()) {
      Stream.of(PolicyWarnings.of(resource), PolicyWarnings.unmet(resource, config))
          .flatMap(List::stream)
          .forEach(each -> warnings.add(line(origin + ": warning: " + each)));
    }
  }

  /** Names of files and objects come from outside and go to a terminal. */
  private static String line(String text) {
    return TextTable.clean(text);
  }
}
