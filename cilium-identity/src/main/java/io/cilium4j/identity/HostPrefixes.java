// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import java.util.Collection;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Keeps the ipcache told which prefixes are the machine's own: their identity is {@code host}.
 *
 * <p>Safe for use by several threads.
 */
public final class HostPrefixes {

  /** The input that the ipcache waits for. */
  public static final String INPUT = "host-addresses";

  private final Ipcache ipcache;
  private final Set<IpPrefix> always;

  /** What the ipcache was told last. */
  private Set<IpPrefix> told = Set.of();

  /**
   * Tells nothing yet.
   *
   * @param always addresses that are the node's whether a device has them yet or not
   */
  public HostPrefixes(Ipcache ipcache, Collection<IpAddress> always) {
    this.ipcache = ipcache;
    this.always = always.stream().map(IpPrefix::host).collect(Collectors.toSet());
  }

  /** These prefixes are the machine's by now, and no others. */
  public synchronized void put(Set<IpPrefix> present) {
    Set<IpPrefix> now = new HashSet<>(always);
    now.addAll(present);
    if (!now.equals(told)) {
      ipcache.update(batch -> {
        told.stream()
            .filter(prefix -> !now.contains(prefix))
            .forEach(prefix -> batch.removeIdentity(prefix, INPUT));
        now.stream()
            .filter(prefix -> !told.contains(prefix))
            .forEach(prefix ->
                batch.putIdentity(
                    prefix,
                    INPUT,
                    IpcacheSource.LOCAL,
                    ReservedIdentity.HOST.id(),
                    Optional.empty()));
      });
      told = now;
    }
    ipcache.synced(INPUT);
  }
}
