// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps what comes from a network with the address of somebody inside from pods and from the node.
 * {@link ForgedSources} drops it and tells of it; where there is no nftables, routing rules are
 * left, one for each of the node's devices to networks and each prefix of addresses inside. They
 * outlive the process; each instance knows its own.
 *
 * <p>What ends at the node itself is looked up before any such rule. There the kernel refuses the
 * node's own IPv4 addresses as a source by itself.
 *
 * <p>Safe for use by several threads.
 */
public final class SourceGuard implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SourceGuard.class);

  private final Netlink node;
  private final List<String> devices;
  private final Predicate<Link> isOurs;
  private final int owner;
  private final @Nullable ForgedSources forged;

  /** What is known, and the rules that follow; guarded by this. */
  private NodeNetwork network = NodeNetwork.NONE;

  private Set<IpAddress> pods = Set.of();
  private Set<BlackholeRule> rules = Set.of();
  private boolean known;

  /**
   * A guard of an instance; the rules that an earlier process left stay until the first change.
   *
   * @param devices names of the devices to networks, see {@link NodeNetwork#external}
   * @param isOurs tells the instance's own devices and its pods'
   * @param listener is told of what is dropped, on a thread of the guard's own
   */
  public SourceGuard(
      Netlink node,
      InstanceNames names,
      List<String> devices,
      Predicate<Link> isOurs,
      Listener listener) {
    this.node = node;
    this.devices = List.copyOf(devices);
    this.isOurs = isOurs;
    var sum = new CRC32();
    sum.update(names.pinFolder().getBytes(StandardCharsets.UTF_8));
    this.owner = (int) sum.getValue();
    this.forged = follow(names, listener);
  }

  private @Nullable ForgedSources follow(InstanceNames names, Listener listener) {
    Nft nft = Nft.find().orElse(null);
    if (nft == null) {
      LOG.warn(
          "no nft here: forged sources are dropped without a word, and those of pods reach the"
              + " node itself");
      return null;
    }
    try {
      return new ForgedSources(nft, names, owner, listener);
    } catch (SystemCallException e) {
      LOG.warn("forged sources are not told error=\"{}\"", e.getMessage());
      return null;
    }
  }

  /** Is told of packets that were dropped. */
  @FunctionalInterface
  public interface Listener {

    /**
     * A packet was dropped.
     *
     * @param packet its beginning, from the IP header on, in network byte order; to be read before
     *     this returns
     * @param untold how many more were dropped since the last one that was told
     */
    void dropped(ByteBuffer packet, long untold);
  }

  /** The node's devices or addresses are others now. */
  public synchronized void follow(NodeNetwork present) {
    network = present;
    guard();
  }

  /** The pods of the instance have these addresses now. */
  public synchronized void setPods(Set<IpAddress> addresses) {
    pods = Set.copyOf(addresses);
    guard();
  }

  /** Writes again what somebody changed, soon. */
  public void mend() {
    if (forged != null) {
      forged.mend();
    }
  }

  /** Removes all rules of the instance, and ends. */
  public synchronized void remove() {
    write(Set.of());
    if (forged != null) {
      forged.remove();
    }
  }

  /** Ends; the rules stay. */
  @Override
  public void close() {
    if (forged != null) {
      forged.close();
    }
  }

  private void guard() {
    Set<IpPrefix> inside = new HashSet<>(network.delivered());
    pods.forEach(pod -> inside.add(IpPrefix.host(pod)));
    Set<BlackholeRule> wanted = new HashSet<>();
    List<Link> external = network.external(devices, isOurs);
    Set<IpPrefix> merged = merge(inside);
    if (forged != null) {
      forged.drop(external.stream().map(Link::name).toList(), merged);
    }
    for (IpPrefix prefix : merged) {
      external.forEach(device -> wanted.add(new BlackholeRule(device.name(), prefix)));
    }
    write(wanted);
  }

  private void write(Set<BlackholeRule> wanted) {
    if (known && wanted.equals(rules)) {
      return;
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
    rules = Set.copyOf(wanted);
    known = true;
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
