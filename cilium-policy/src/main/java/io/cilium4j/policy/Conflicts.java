// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.L7Rules;
import io.cilium4j.core.PolicyEntry.Auth;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.policy.Entry.Action;
import io.cilium4j.policy.Entry.L4;
import io.cilium4j.policy.Entry.Layer7;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Finds rules that contradict each other. Rules meet where tier, priority, ports and peer selector
 * are the very same; what merely overlaps is ordered by precedence and never contradicts.
 *
 * <p>Rules are merged one by one in the order of their objects' names, then of their place in the
 * object, which matters for server names alone: they may be narrowed by rules on requests, but not
 * the other way round, unless TLS is terminated.
 */
final class Conflicts {
  private final String namespace;
  private final Map<Key, Merged> merged = new HashMap<>();

  private Conflicts(String namespace) {
    this.namespace = namespace;
  }

  private record Key(int tier, double priority, L4 l4, Selector peer) {}

  /** Who reads the requests of a redirect. */
  private enum Parser {
    NONE,
    HTTP,
    DNS,
    TLS,
    LISTENER
  }

  /** What the rules so far say of one key. */
  private static final class Merged {
    private final RuleOrigin origin;
    private boolean denied;
    private Parser parser = Parser.NONE;
    private Auth auth = Auth.NONE;
    private Ports.@Nullable Listener listener;
    private Ports.@Nullable Secret terminatingTls;
    private Ports.@Nullable Secret originatingTls;
    private boolean hasServerNames;
    private boolean hasRules;

    Merged(RuleOrigin origin) {
      this.origin = origin;
    }
  }

  /**
   * The first conflict among the rules of either direction, or null.
   *
   * @param namespace the subject's, which qualifies the listeners that its rules name
   */
  static @Nullable PolicyConflict find(String namespace, List<Entry> ingress, List<Entry> egress) {
    PolicyConflict conflict = new Conflicts(namespace).find(ingress);
    return conflict != null ? conflict : new Conflicts(namespace).find(egress);
  }

  private @Nullable PolicyConflict find(List<Entry> entries) {
    // Plain rules, which are nearly all, contradict nothing.
    if (!anyIsNotPlain(entries)) {
      return null;
    }
    List<Entry> ordered = new ArrayList<>(entries);
    ordered.sort((one, other) -> one.origin().resource().compareTo(other.origin().resource()));
    for (Entry entry : ordered) {
      if (entry.action() == Action.PASS) {
        continue;
      }
      for (L4 l4 : entry.ports()) {
        for (Selector peer : entry.peers()) {
          PolicyConflict conflict = peer.equals(Selectors.NOBODY) ? null : add(entry, l4, peer);
          if (conflict != null) {
            return conflict;
          }
        }
      }
    }
    return null;
  }

  private static boolean anyIsNotPlain(List<Entry> entries) {
    for (Entry entry : entries) {
      if (entry.layer7().isRedirect() || entry.auth() != Auth.NONE) {
        return true;
      }
    }
    return false;
  }

  private @Nullable PolicyConflict add(Entry entry, L4 l4, Selector peer) {
    Layer7 layer7 = entry.layer7();
    if (layer7.listener() != null
        && layer7.listener().configKind().equals("CiliumEnvoyConfig")
        && namespace.isEmpty()) {
      return new PolicyConflict(
          entry.origin(), entry.origin(), "a CiliumEnvoyConfig for a subject without namespace");
    }
    var known =
        merged.computeIfAbsent(
            new Key(entry.tier(), entry.priority(), l4, peer), _ -> new Merged(entry.origin()));
    if (entry.action() == Action.DENY || known.denied) {
      known.denied = true;
      return null;
    }
    String what = merge(known, entry.auth(), layer7);
    return what == null ? null : new PolicyConflict(known.origin, entry.origin(), what);
  }

  /** Adds a rule to what is known; the result says what contradicts it, or is null. */
  private @Nullable String merge(Merged known, Auth auth, Layer7 layer7) {
    Parser parser = parser(layer7);
    Parser both = merge(known.parser, parser);
    if (both == null) {
      return "requests would have to be read as " + known.parser + " and as " + parser;
    }
    known.parser = both;
    if (known.auth != Auth.NONE && auth != Auth.NONE && known.auth != auth) {
      return "authentication " + known.auth + " and " + auth;
    }
    known.auth = auth == Auth.NONE ? known.auth : auth;
    if (differ(known.terminatingTls, layer7.terminatingTls())
        || differ(known.originatingTls, layer7.originatingTls())) {
      return "different TLS secrets";
    }
    known.terminatingTls = first(known.terminatingTls, layer7.terminatingTls());
    known.originatingTls = first(known.originatingTls, layer7.originatingTls());
    known.hasServerNames |= !layer7.serverNames().isEmpty();
    if (known.hasServerNames && known.hasRules && known.terminatingTls == null) {
      return "server names beside rules on requests, and TLS is not terminated";
    }
    known.hasRules |= !layer7.rules().isEmpty();
    return mergeListener(known, layer7.listener());
  }

  private static @Nullable Parser merge(Parser a, Parser b) {
    if (a == b || b == Parser.NONE) {
      return a;
    }
    if (a == Parser.NONE) {
      return b;
    }
    boolean tlsAndHttp =
        (a == Parser.TLS && b == Parser.HTTP) || (a == Parser.HTTP && b == Parser.TLS);
    return tlsAndHttp ? Parser.HTTP : null;
  }

  private static Parser parser(Layer7 layer7) {
    if (layer7.listener() != null) {
      return Parser.LISTENER;
    }
    return switch (layer7.rules()) {
      case L7Rules.Http h -> Parser.HTTP;
      case L7Rules.Dns d -> Parser.DNS;
      case L7Rules.None n -> layer7.isRedirect() ? Parser.TLS : Parser.NONE;
    };
  }

  private static <T> boolean differ(@Nullable T a, @Nullable T b) {
    return a != null && b != null && !a.equals(b);
  }

  private static <T> @Nullable T first(@Nullable T a, @Nullable T b) {
    return a != null ? a : b;
  }

  /** Of two listeners the one of the lower number gets the traffic; equal numbers contradict. */
  private @Nullable String mergeListener(Merged known, Ports.@Nullable Listener listener) {
    Ports.Listener before = known.listener;
    if (before == null || listener == null) {
      known.listener = first(before, listener);
      return null;
    }
    int own = Layer7.listenerPriority(listener.priority());
    int other = Layer7.listenerPriority(before.priority());
    if (own == other && !qualified(listener).equals(qualified(before))) {
      return "listeners " + before.name() + " and " + listener.name() + " of equal priority";
    }
    known.listener = own < other ? listener : before;
    return null;
  }

  private String qualified(Ports.Listener listener) {
    String scope = listener.configKind().equals("CiliumClusterwideEnvoyConfig") ? "" : namespace;
    return scope + "/" + listener.configName() + "/" + listener.name();
  }
}
