// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.NodeNetwork;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The node's devices that lead to a network, each with the program that looks at what comes from
 * there. They are others' devices, shared with other programs and other instances: nothing but the
 * hook is ever ours. Which they are follows the network; see {@link NodeNetwork#external}.
 *
 * <p>Safe for use by several threads.
 */
final class NetworkDevices {

  private static final Logger LOG = LoggerFactory.getLogger(NetworkDevices.class);

  /**
   * One program of each device.
   *
   * @param ofEthernet for devices whose packets have an Ethernet header
   * @param ofOthers for the others; null where there is none, which counts as refused
   */
  record Hook(Hooks hooks, BpfProgram ofEthernet, @Nullable BpfProgram ofOthers) {}

  private final List<Hook> hooks;
  private final List<Hooks> former;
  private final List<String> names;
  private final Predicate<Link> isOurs;

  /** Those with the present program, by index. */
  private final Map<Integer, String> attached = new HashMap<>();

  /** Those that refused it, by name, each with why. */
  private final Map<String, String> refused = new TreeMap<>();

  private NodeNetwork network = NodeNetwork.NONE;

  /**
   * @param former what an earlier process may have attached and is not wanted any more
   * @param names the only ones to take, if there are any
   * @param isOurs tells the instance's own devices and its pods'
   */
  NetworkDevices(List<Hook> hooks, List<Hooks> former, List<String> names, Predicate<Link> isOurs) {
    this.hooks = List.copyOf(hooks);
    this.former = List.copyOf(former);
    this.names = List.copyOf(names);
    this.isOurs = isOurs;
  }

  /**
   * Attaches to devices that lead to a network by now and detaches from those that do not, also
   * where an earlier process attached. A device that refuses is told of and tried again at the next
   * change.
   */
  synchronized void follow(NodeNetwork present) {
    boolean isFirst = network.links().isEmpty();
    network = present;
    Map<Integer, String> wanted = new HashMap<>();
    present.external(names, isOurs).forEach(link -> wanted.put(link.index(), link.name()));
    Map<Integer, String> gone = new HashMap<>(attached);
    if (isFirst) {
      // By a process before this one, as far as it can be known.
      present
          .links()
          .values()
          .forEach(link -> {
            gone.put(link.index(), link.name());
            former.forEach(hook -> hook.detach(link.index(), link.name()));
          });
      former.forEach(Hooks::prune);
    }
    gone.forEach((ifindex, name) -> {
      if (!name.equals(wanted.get(ifindex))) {
        detach(ifindex, name);
      }
    });
    refused.keySet().retainAll(wanted.values());
    wanted.forEach((ifindex, name) -> {
      if (!attached.containsKey(ifindex)) {
        attach(ifindex, name);
      }
    });
    hooks.forEach(hook -> hook.hooks.prune());
  }

  /** Looks again at which devices are ours. */
  synchronized void refresh() {
    follow(network);
  }

  /**
   * Attaches again where somebody detached.
   *
   * @return the names of those devices
   */
  synchronized List<String> mend() {
    List<String> mended = new ArrayList<>();
    attached.forEach((ifindex, name) -> {
      try {
        boolean isMended = false;
        for (Hook hook : hooks) {
          isMended |= hook.hooks.mend(programOf(hook, ifindex), ifindex, name);
        }
        if (isMended) {
          mended.add(name);
        }
      } catch (DatapathException e) {
        LOG.debug("network device not mended name={} error=\"{}\"", name, e.getMessage());
      }
    });
    return mended;
  }

  private BpfProgram programOf(Hook hook, int ifindex) {
    Link link = network.links().get(ifindex);
    BpfProgram program = link != null && link.hasNoEthernet() ? hook.ofOthers : hook.ofEthernet;
    if (program == null) {
      throw new DatapathException("its packets have no Ethernet header");
    }
    return program;
  }

  /**
   * Refuses to go on where a device does not have its programs.
   *
   * @throws DatapathException if one does not, with why
   */
  synchronized void requireAll() {
    follow(network);
    if (!refused.isEmpty()) {
      throw new DatapathException("not at " + String.join("; not at ", refused()));
    }
  }

  /** The devices that refused it at the last attempt, each with why. */
  synchronized List<String> refused() {
    return refused.entrySet().stream().map(each -> each.getKey() + ": " + each.getValue()).toList();
  }

  /** Leaves a device that is a pod's from now on. */
  synchronized void leave(int ifindex, String name) {
    detach(ifindex, name);
  }

  /** Leaves all. */
  synchronized void leaveAll() {
    refused.clear();
    Map.copyOf(attached).forEach(this::detach);
  }

  private void attach(int ifindex, String name) {
    try {
      for (Hook hook : hooks) {
        hook.hooks.attach(programOf(hook, ifindex), ifindex, name);
      }
      attached.put(ifindex, name);
      refused.remove(name);
      LOG.info("network device watched name={} ifindex={}", name, ifindex);
    } catch (DatapathException e) {
      String why = String.valueOf(e.getMessage());
      if (!why.equals(refused.put(name, why))) {
        LOG.warn("network device not watched name={} ifindex={} error=\"{}\"", name, ifindex, why);
      }
    }
  }

  private void detach(int ifindex, String name) {
    hooks.forEach(hook -> hook.hooks.detach(ifindex, name));
    if (attached.remove(ifindex) != null) {
      LOG.info("network device left name={} ifindex={}", name, ifindex);
    }
  }
}
