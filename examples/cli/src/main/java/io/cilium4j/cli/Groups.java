// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.util.List;
import java.util.Optional;

/** The groups of commands. Nothing of a group is loaded before it is asked for. */
final class Groups {

  /** The first words of all commands, in the order in which help and completion list them. */
  static final List<String> NAMES =
      List.of(
          "build-config",
          "cgroups",
          "completion",
          "config",
          "encrypt",
          "endpoint",
          "fqdn",
          "identity",
          "ip",
          "lrp",
          "map",
          "metrics",
          "node",
          "nodeid",
          "policy",
          "prefilter",
          "recorder",
          "service",
          "statedb",
          "status",
          "version");

  private Groups() {}

  /** What {@code cilium --help} prints. */
  static String help() {
    return """
    cilium: looks at and changes what Cilium4j does on this machine.

      build-config   gathers the agent's options into a folder
      cgroups        cgroups of pods
      completion     completion for bash, zsh and fish
      config         the agent's options
      encrypt        encryption between nodes
      endpoint       the pods of this node
      fqdn           names and addresses from DNS
      identity       numbers for sets of labels
      ip             which identity stands behind an address
      lrp            local redirect policies
      map            the agent's view of eBPF maps
      metrics        counters and gauges
      node           the nodes of the cluster
      nodeid         numbers of nodes
      policy         what policies say: import, check, ask for verdicts
      prefilter      addresses dropped at the device
      recorder       packet recorders
      service        services and their backends
      statedb        the agent's tables
      status         how the agent is
      version        versions of this command and the agent

    cilium COMMAND --help lists the commands of a group and explains a command.
    """;
  }

  /** The group of this name. */
  static Optional<CommandGroup> find(String name) {
    return Optional.ofNullable(
        switch (name) {
          case "build-config" -> new BuildConfigCommand();
          case "cgroups" -> new CgroupsCommands();
          case "completion" -> new CompletionCommand();
          case "config" -> new ConfigCommands();
          case "encrypt" -> new EncryptCommands();
          case "endpoint" -> new EndpointCommands();
          case "fqdn" -> new FqdnCommands();
          case "identity" -> new IdentityCommands();
          case "ip" -> new IpCommands();
          case "lrp" -> new LrpCommands();
          case "map" -> new MapCommands();
          case "metrics" -> new MetricsCommands();
          case "node" -> new NodeCommands();
          case "nodeid" -> new NodeIdCommands();
          case "policy" -> new PolicyCommands();
          case "prefilter" -> new PrefilterCommands();
          case "recorder" -> new RecorderCommands();
          case "service" -> new ServiceCommands();
          case "statedb" -> new StatedbCommands();
          case "status" -> new StatusCommand();
          case "version" -> new VersionCommand();
          default -> null;
        });
  }
}
