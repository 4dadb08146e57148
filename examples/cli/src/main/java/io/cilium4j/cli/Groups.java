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
import io.cilium4j.cli.status.UiCommand;
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
          "flows",
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
          "operator",
          "policy",
          "prefilter",
          "preflight",
          "recorder",
          "service",
          "statedb",
          "status",
          "ui",
          "version");

  private Groups() {}

  /** What {@code cilium --help} prints. */
  static String help() {
    return """
    cilium inspects and controls Cilium4j on this machine.

      agent          run this node's agent
      bpf            inspect the kernel's eBPF maps; needs no agent
      build-config   merge the agent's options into a folder
      cgroups        list the cgroups of pods
      cleanup        remove what an agent left in the kernel and on disk
      completion     print completion scripts for bash, zsh and fish
      config         show and change the agent's options
      debug          create test pods without a container runtime
      debuginfo      collect information for a bug report, without secrets
      encrypt        show the encryption between nodes
      endpoint       show and change this node's endpoints
      flows          print the flows that the agent serves to Hubble's clients
      fqdn           show names and addresses from DNS
      identity       show identities and their labels
      ip             show the identities of addresses
      kvstore        read and write keys of the cluster's store
      lrp            list local redirect policies
      map            show the agent's view of eBPF maps
      metrics        list metrics
      monitor        print flows, drops and events as they happen
      node           list the nodes of the cluster
      nodeid         list the numbers of nodes
      operator       run an operator of the cluster
      policy         import, check and explain policies
      prefilter      list and change the addresses to drop at the device
      preflight      check before an upgrade
      recorder       list and change packet recorders
      service        list and change services and their backends
      statedb        dump the agent's tables
      status         show the status of the agent
      version        show the versions of this command and the agent

    Use cilium COMMAND --help for more about a command.
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
          case "ui" -> new UiCommand();
          case "version" -> new VersionCommand();
          default -> null;
        });
  }
}
