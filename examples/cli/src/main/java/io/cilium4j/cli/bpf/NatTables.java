// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.bpf;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Masquerade;
import io.cilium4j.datapath.net.Nft;
import java.util.List;

/** What the kernel's own NAT has of an instance. */
final class NatTables {
  private final String instance;
  private final Arguments arguments;
  private final Session session;

  NatTables(String instance, Arguments arguments, Session session) {
    this.instance = instance;
    this.arguments = arguments;
    this.session = session;
  }

  /** Where pods keep their addresses, as the configuration of an ip-masq-agent says. */
  int exclusions() {
    Nft nft =
        Nft.find()
            .orElseThrow(() ->
                new CommandException(
                    "bpf ipmasq list: the program nft is not installed (Debian's package"
                        + " nftables)"));
    List<IpPrefix> prefixes =
        new Masquerade(new InstanceNames(instance), nft)
            .excluded()
            .orElseThrow(() ->
                new CommandException(
                    "bpf ipmasq list: nothing of an ip-masq-agent is in force for instance "
                        + instance
                        + " (option enable-ip-masq-agent)"));
    return session.show(
        arguments,
        Json.ofTexts(prefixes.stream().map(IpPrefix::toString).toList()),
        () -> {
          var table = new TextTable("IP PREFIX/ADDRESS");
          prefixes.forEach(table::row);
          return table.toString();
        });
  }
}
