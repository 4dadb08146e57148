// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;
import java.util.zip.CRC32;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps the node from forwarding what comes from a network with the address of somebody inside: a
 * routing rule for each of the node's devices to networks and each prefix of addresses inside. The
 * rules outlive the process; each instance knows its own.
 *
 * <p>What ends at the node itself is looked up before any such rule. There the kernel refuses the
 * node's own IPv4 addresses as a source by itself.
 *
 * <p>Not safe for use by several threads.
 */
public final class SourceGuard {

  private static final Logger LOG = LoggerFactory.getLogger(SourceGuard.class);

  private final Netlink node;
  private final int owner;

  /** A guard with the rules that an earlier process of the instance left. */
  public SourceGuard(Netlink node, InstanceNames names) {
    this.node = node;
    var sum = new CRC32();
    sum.update(names.pinFolder().getBytes(StandardCharsets.UTF_8));
    this.owner = (int) sum.getValue();
  }

  /**
   * Brings the rules in line.
   *
   * @param devices names of the devices that lead to networks
   * @param inside the addresses that nobody outside has; those that fill a larger prefix become one
   */
  public void guard(Set<String> devices, Set<IpPrefix> inside) {
    Set<BlackholeRule> wanted = new HashSet<>();
    for (IpPrefix prefix : merge(inside)) {
      devices.forEach(device -> wanted.add(new BlackholeRule(device, prefix)));
    }
    Set<BlackholeRule> present = node.listRules(owner);
    for (BlackholeRule rule : wanted) {
      if (!present.contains(rule)) {
        node.ensureRule(rule, owner);
        LOG.debug("rule added rule=\"{}\"", rule);
      }
    }
    present.removeAll(wanted);
    for (BlackholeRule rule : present) {
      node.deleteRule(rule, owner);
      LOG.debug("rule removed rule=\"{}\"", rule);
    }
  }

  /** The same addresses in fewer prefixes: the kernel goes through rules one by one. */
  static Set<IpPrefix> merge(Set<IpPrefix> prefixes) {
    Set<IpPrefix> merged = new HashSet<>();
    prefixes.forEach(prefix -> add(prefix, merged));
    merged.removeIf(prefix -> isInside(prefix, merged));
    return merged;
  }

  private static void add(IpPrefix prefix, Set<IpPrefix> merged) {
    IpPrefix larger = prefix;
    while (larger.length() > 1 && merged.remove(sibling(larger))) {
      merged.remove(larger);
      larger = new IpPrefix(larger.address(), larger.length() - 1);
    }
    merged.add(larger);
  }

  /** The other half of the prefix that is one bit shorter. */
  private static IpPrefix sibling(IpPrefix prefix) {
    byte[] address = prefix.address().bytes();
    int bit = prefix.length() - 1;
    address[bit / 8] ^= (byte) (0x80 >>> bit % 8);
    return new IpPrefix(IpAddress.ofBytes(address), prefix.length());
  }

  private static boolean isInside(IpPrefix prefix, Set<IpPrefix> others) {
    for (int length = prefix.length() - 1; length > 0; length--) {
      if (others.contains(new IpPrefix(prefix.address(), length))) {
        return true;
      }
    }
    return false;
  }
}
