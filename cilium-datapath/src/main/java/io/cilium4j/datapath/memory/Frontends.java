// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKey;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** All frontends, by address. Immutable: a change gives another object, see {@link PrefixTrie}. */
final class Frontends {

  static final Frontends NONE =
      new Frontends(PrefixTrie.empty(IpFamily.IPV4), PrefixTrie.empty(IpFamily.IPV6), 0);

  /** What an address is asked: by port and protocol as in {@link #ask}, the rest under 0. */
  private record Vip(Map<Integer, Frontend> asked) {

    Vip with(int ask, @Nullable Frontend frontend) {
      Map<Integer, Frontend> next = new HashMap<>(asked);
      if (frontend == null) {
        next.remove(ask);
      } else {
        next.put(ask, frontend);
      }
      return new Vip(next);
    }
  }

  private static final Vip NOTHING = new Vip(Map.of());

  private final PrefixTrie<Vip> v4;
  private final PrefixTrie<Vip> v6;
  private final int size;

  private Frontends(PrefixTrie<Vip> v4, PrefixTrie<Vip> v6, int size) {
    this.v4 = v4;
    this.v6 = v6;
    this.size = size;
  }

  private PrefixTrie<Vip> of(IpFamily family) {
    return family == IpFamily.IPV4 ? v4 : v6;
  }

  private static int ask(int port, int protocol) {
    return (port << 8) | protocol;
  }

  private static int ask(FrontendKey key) {
    return key.isRest() ? 0 : ask(key.port(), key.protocol().number());
  }

  boolean isEmpty() {
    return size == 0;
  }

  private Vip asked(Packet packet) {
    Vip vip = of(packet.family).lookup(packet.destinationHigh, packet.destinationLow);
    return vip == null ? NOTHING : vip;
  }

  /** The frontend that a packet with ports asks, or null. */
  @Nullable Frontend find(Packet packet) {
    return asked(packet).asked.get(ask(packet.destinationPort, packet.protocol));
  }

  /** Whether a packet is for an address of which nothing but frontends is asked. */
  boolean isForServices(Packet packet) {
    return asked(packet).asked.containsKey(0);
  }

  /** These with a row; this very object if it is there. */
  Frontends with(FrontendRow row) {
    FrontendKey key = row.key();
    Frontend before = vipOf(key).asked.get(ask(key));
    if (before != null && before.row().equals(row)) {
      return this;
    }
    return replace(key, new Frontend(row, before), before == null ? 1 : 0);
  }

  /** These without a key; this very object if it is not there. */
  Frontends without(FrontendKey key) {
    return vipOf(key).asked.containsKey(ask(key)) ? replace(key, null, -1) : this;
  }

  /** Of these those whose keys are among some. */
  Frontends retain(Set<RowKey> wanted) {
    List<FrontendKey> gone = new ArrayList<>();
    for (PrefixTrie<Vip> family : List.of(v4, v6)) {
      family.forEach(vip -> {
        for (Frontend frontend : vip.asked.values()) {
          if (!wanted.contains(frontend.row().key())) {
            gone.add(frontend.row().key());
          }
        }
      });
    }
    Frontends kept = this;
    for (FrontendKey key : gone) {
      kept = kept.without(key);
    }
    return kept;
  }

  private Vip vipOf(FrontendKey key) {
    Vip vip = of(key.address().family()).get(IpPrefix.host(key.address()));
    return vip == null ? NOTHING : vip;
  }

  private Frontends replace(FrontendKey key, @Nullable Frontend frontend, int more) {
    IpPrefix prefix = IpPrefix.host(key.address());
    Vip next = vipOf(key).with(ask(key), frontend);
    PrefixTrie<Vip> before = of(prefix.family());
    PrefixTrie<Vip> trie =
        next.asked.isEmpty() ? before.without(prefix) : before.with(prefix, next);
    return prefix.family() == IpFamily.IPV4
        ? new Frontends(trie, v6, size + more)
        : new Frontends(v4, trie, size + more);
  }
}
