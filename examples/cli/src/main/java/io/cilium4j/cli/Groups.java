// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.bpf.BpfCommands;
import io.cilium4j.cli.bpf.MapCommands;
import io.cilium4j.cli.cluster.EncryptCommands;
import io.cilium4j.cli.cluster.KvstoreCommands;
import io.cilium4j.cli.cluster.NodeCommands;
import io.cilium4j.cli.cluster.NodeIdCommands;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.endpoint.DebugCommands;
import io.cilium4j.cli.endpoint.EndpointCommands;
import io.cilium4j.cli.endpoint.FqdnCommands;
import io.cilium4j.cli.endpoint.IdentityCommands;
import io.cilium4j.cli.endpoint.IpCommands;
import io.cilium4j.cli.policy.PolicyCommands;
import io.cilium4j.cli.policy.PrefilterCommands;
import io.cilium4j.cli.policy.PreflightCommands;
import io.cilium4j.cli.service.LrpCommands;
import io.cilium4j.cli.service.RecorderCommands;
import io.cilium4j.cli.service.ServiceCommands;
import io.cilium4j.cli.status.BuildConfigCommand;
import io.cilium4j.cli.status.CgroupsCommands;
import io.cilium4j.cli.status.ConfigCommands;
import io.cilium4j.cli.status.DebuginfoCommand;
import io.cilium4j.cli.status.MetricsCommands;
import io.cilium4j.cli.status.MonitorCommand;
import io.cilium4j.cli.status.StatedbCommands;
import io.cilium4j.cli.status.StatusCommand;
import io.cilium4j.cli.status.VersionCommand;
import java.util.List;
import java.util.Optional;

/** The groups of commands. Nothing of a group is loaded before it is asked for. */
final class Groups {

  /** The first words of all commands, in the order in which help and completion list them. */
  static final List<String> NAMES =
      List.of(
          "agent",
          "bpf",
          "build-config",
          "cgroups",
          "cleanup",
          "completion",
          "config",
          "debug",
          "debuginfo",
          "encrypt",
          "endpoint",
          "fqdn",
          "help",
          "identity",
          "ip",
          "kvstore",
          "lrp",
          "map",
          "metrics",
          "monitor",
          "node",
          "nodeid",
          "policy",
          "prefilter",
          "preflight",
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

      agent          runs the agent of this node
      bpf            what the kernel has: reads the eBPF maps themselves, with no agent running
      build-config   gathers the agent's options into a folder
      cgroups        cgroups of pods
      cleanup        removes what an agent left in the kernel and on disk
      completion     completion for bash, zsh and fish
      config         the agent's options
      debug          makes test pods where no container runtime runs
      debuginfo      gathers what helps to find a fault, without secrets
      encrypt        encryption between nodes
      endpoint       the pods of this node
      fqdn           names and addresses from DNS
      identity       numbers for sets of labels
      ip             which identity stands behind an address
      kvstore        keys of the cluster's store
      lrp            local redirect policies
      map            the agent's view of eBPF maps
      metrics        counters and gauges
      monitor        flows, drops and the agent's events as they happen
      node           the nodes of the cluster
      nodeid         numbers of nodes
      policy         what policies say: import, check, ask for verdicts
      prefilter      addresses dropped at the device
      preflight      checks before an upgrade
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
          case "bpf" -> new BpfCommands();
          case "build-config" -> new BuildConfigCommand();
          case "cgroups" -> new CgroupsCommands();
          case "completion" -> new CompletionCommand(NAMES, Groups::find);
          case "config" -> new ConfigCommands();
          case "debug" -> new DebugCommands();
          case "debuginfo" -> new DebuginfoCommand();
          case "encrypt" -> new EncryptCommands();
          case "endpoint" -> new EndpointCommands();
          case "fqdn" -> new FqdnCommands();
          case "identity" -> new IdentityCommands();
          case "ip" -> new IpCommands();
          case "kvstore" -> new KvstoreCommands();
          case "lrp" -> new LrpCommands();
          case "map" -> new MapCommands();
          case "metrics" -> new MetricsCommands();
          case "monitor" -> new MonitorCommand();
          case "node" -> new NodeCommands();
          case "nodeid" -> new NodeIdCommands();
          case "policy" -> new PolicyCommands();
          case "prefilter" -> new PrefilterCommands();
          case "preflight" -> new PreflightCommands();
          case "recorder" -> new RecorderCommands();
          case "service" -> new ServiceCommands();
          case "statedb" -> new StatedbCommands();
          case "status" -> new StatusCommand();
          case "version" -> new VersionCommand();
          default -> null;
        });
  }
}
