// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.bpf.SystemCallException;
import io.cilium4j.datapath.net.KernelConntrack;
import io.cilium4j.datapath.net.KernelConntrack.Connection;
import io.cilium4j.datapath.net.KernelConntrack.Tuple;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has clients outside that send UDP leave backends that are gone, and find those of a frontend that
 * came after their first packet: the kernel remembers where a client was led, or not led, for as
 * long as it sends, so that it is made to forget. TCP connections end by themselves.
 *
 * <p>So do clients of a frontend that went while no agent ran: whose address its backends have by
 * now nobody knows.
 *
 * <p>Used by one thread at a time.
 */
final class StaleDatagrams {
  private static final Logger LOG = LoggerFactory.getLogger(StaleDatagrams.class);

  private record End(IpAddress address, int port) {}

  private final Supplier<KernelConntrack> kernel;

  /** What each frontend had when last was looked; absent at first. */
  private @Nullable Map<End, Set<End>> known;

  /** What an earlier run served, until it was looked at. */
  private Set<End> former = Set.of();

  /** Forgets nothing yet. */
  StaleDatagrams(Supplier<KernelConntrack> kernel) {
    this.kernel = kernel;
  }

  /** An earlier run served these frontends; to be told before the first look. */
  void served(Collection<FrontendKey> earlier) {
    former =
        earlier.stream()
            .filter(each -> each.protocol() == Protocol.UDP)
            .map(each -> new End(each.address(), each.port()))
            .collect(Collectors.toSet());
  }

  /**
   * Makes the kernel forget whom it leads elsewhere than to a backend that their frontend has.
   *
   * @param served all frontends, as new clients are led now
   * @param own the node's own pods, which are not led to those that are for others alone
   * @throws DatapathException if it cannot; it is tried again with the next call
   */
  void forget(Collection<ExternalFrontend> served, Collection<IpPrefix> own) {
    Map<End, Set<End>> now = new HashMap<>();
    Set<End> outside = new HashSet<>();
    for (ExternalFrontend frontend : served) {
      FrontendKey key = frontend.key();
      if (key.protocol() == Protocol.UDP) {
        Set<End> backends = new HashSet<>();
        frontend.backends().forEach(each -> backends.add(new End(each.address(), each.port())));
        now.put(new End(key.address(), key.port()), backends);
        if (frontend.isForOutsideOnly()) {
          outside.add(new End(key.address(), key.port()));
        }
      }
    }
    Set<End> changed = changed(now);
    Predicate<Connection> isStale =
        each -> isStale(each, changed, now) && !isOfPodThatIsNotLed(each, outside, own);
    for (IpFamily family : IpFamily.values()) {
      if (changed.stream().anyMatch(each -> each.address.family() == family)) {
        forget(family, isStale);
      }
    }
    known = now;
    former = Set.of();
  }

  /**
   * The frontends that may have lost a backend, or have got their first; when first is looked
   * nobody knows what backends there were.
   */
  private Set<End> changed(Map<End, Set<End>> now) {
    Map<End, Set<End>> before = known;
    Set<End> changed = new HashSet<>();
    if (before == null) {
      changed.addAll(now.keySet());
      changed.addAll(former);
      return changed;
    }
    before.forEach((frontend, backends) -> {
      if (!now.getOrDefault(frontend, Set.of()).containsAll(backends)) {
        changed.add(frontend);
      }
    });
    now.forEach((frontend, backends) -> {
      if (before.getOrDefault(frontend, Set.of()).isEmpty() && !backends.isEmpty()) {
        changed.add(frontend);
      }
    });
    return changed;
  }

  private void forget(IpFamily family, Predicate<Connection> isStale) {
    try (KernelConntrack connections = kernel.get()) {
      int count = connections.delete(family, isStale);
      if (count > 0) {
        LOG.info("clients led on protocol=UDP family={} connections={}", family, count);
      }
    } catch (SystemCallException e) {
      throw new DatapathException("UDP clients keep backends that are gone: " + e.getMessage(), e);
    }
  }

  private static boolean isStale(Connection each, Set<End> changed, Map<End, Set<End>> now) {
    Tuple asked = each.original();
    var frontend = new End(asked.destination(), asked.destinationPort());
    var backend = new End(each.reply().source(), each.reply().sourcePort());
    return each.protocol() == Protocol.UDP.number()
        && changed.contains(frontend)
        && !now.getOrDefault(frontend, Set.of()).contains(backend);
  }

  /** What a pod sends to such an address goes where the network leads it, and is led right. */
  private static boolean isOfPodThatIsNotLed(
      Connection each, Set<End> outside, Collection<IpPrefix> own) {
    Tuple asked = each.original();
    var frontend = new End(asked.destination(), asked.destinationPort());
    var answers = new End(each.reply().source(), each.reply().sourcePort());
    return outside.contains(frontend)
        && answers.equals(frontend)
        && own.stream().anyMatch(prefix -> prefix.contains(asked.source()));
  }
}
