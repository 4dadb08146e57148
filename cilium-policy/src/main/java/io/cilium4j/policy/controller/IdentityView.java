// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.IdentitiesSnapshot.Peer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The identities as rules see them: each with the port names of its pods, which its labels tell of
 * every node's, and its endpoints of this one's. Kept up to date at a cost in proportion to the
 * change; used by one thread.
 */
final class IdentityView {
  private final Map<Integer, Identity> known = new HashMap<>();
  private final Map<Integer, Map<String, NamedPort>> ports = new HashMap<>();
  private IdentitiesSnapshot snapshot = IdentitiesSnapshot.reserved();

  IdentitiesSnapshot snapshot() {
    return snapshot;
  }

  /** Takes over what changed; whether anything did. */
  boolean take(Changes<Integer, Identity> changes) {
    List<Peer> added = new ArrayList<>();
    Set<Integer> removed = new HashSet<>();
    for (Change<Integer, Identity> change : changes.list()) {
      switch (change) {
        case Change.Put<Integer, Identity> put -> {
          if (!put.value().equals(known.put(put.key(), put.value()))) {
            added.add(peer(put.value()));
          }
        }
        case Change.Removed<Integer, Identity> gone -> removed.add(gone.key());
      }
    }
    removed.removeIf(id -> known.remove(id) == null);
    return change(added, removed);
  }

  /** Takes over the port names of these endpoints; whether they say anything new. */
  boolean takePorts(Collection<Endpoint> endpoints) {
    Set<Integer> changed = new HashSet<>();
    for (Endpoint endpoint : endpoints) {
      for (Map.Entry<String, NamedPort> port : endpoint.namedPorts().entrySet()) {
        Map<String, NamedPort> names =
            ports.computeIfAbsent(endpoint.identity(), id -> new HashMap<>());
        if (!port.getValue().equals(names.put(port.getKey(), port.getValue()))) {
          changed.add(endpoint.identity());
        }
      }
    }
    List<Peer> added = new ArrayList<>();
    for (Integer id : changed) {
      Identity identity = known.get(id);
      if (identity != null) {
        added.add(peer(identity));
      }
    }
    return change(added, Set.of());
  }

  private boolean change(List<Peer> added, Set<Integer> removed) {
    if (added.isEmpty() && removed.isEmpty()) {
      return false;
    }
    snapshot = snapshot.without(removed).with(added);
    removed.forEach(ports::remove);
    return true;
  }

  private Peer peer(Identity identity) {
    Map<String, NamedPort> names = new HashMap<>(PodLabels.namedPortsOf(identity.labels()));
    names.putAll(ports.getOrDefault(identity.id(), Map.of()));
    return new Peer(identity, names);
  }
}
