// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.EndpointInterface;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sets the MTU of pods' devices at both ends. The end inside is looked for where the endpoint says,
 * and else in every named network namespace and in those of all processes: a container runtime need
 * not have told.
 */
public final class PodMtu {
  private static final Logger LOG = LoggerFactory.getLogger(PodMtu.class);

  private static final Path PROC = Path.of("/proc");

  private final Netlink node;
  private final int bytes;
  private final List<Pair> left = new ArrayList<>();

  /** Namespaces that were searched, so that none is twice. */
  private final Set<String> searched = new HashSet<>();

  private record Pair(EndpointInterface device, Link host) {}

  private PodMtu(Netlink node, int bytes) {
    this.node = node;
    this.bytes = bytes;
  }

  /**
   * Sets it for those that have the former MTU, or a larger one than they may have now; who was
   * given a smaller one on purpose keeps it. A pair whose end inside is not found stays as it is:
   * its end here would swallow what the other still takes.
   *
   * @param node the network of the node
   * @param formerBytes 0 if it is not known
   * @return the devices that stayed as they are because of that
   */
  public static List<EndpointInterface> set(
      Netlink node, List<EndpointInterface> devices, int formerBytes, int bytes) {
    var work = new PodMtu(node, bytes);
    for (EndpointInterface device : devices) {
      node.linkByIndex(device.hostIfindex())
          .filter(link -> link.name().equals(device.hostName()))
          .filter(link -> link.kind().equals("veth") && link.mtuBytes() != bytes)
          .filter(link -> link.mtuBytes() > bytes || link.mtuBytes() == formerBytes)
          .ifPresent(link -> work.left.add(new Pair(device, link)));
    }
    work.search();
    return work.left.stream().map(Pair::device).toList();
  }

  private void search() {
    for (Pair pair : List.copyOf(left)) {
      if (!pair.device().netns().isEmpty()) {
        look(Path.of(pair.device().netns()));
      }
    }
    lookIn(Netns.DEFAULT_FOLDER, "*", Path.of(""));
    lookIn(PROC, "[0-9]*", Path.of("ns/net"));
  }

  private void lookIn(Path folder, String names, Path below) {
    if (left.isEmpty() || !Files.isDirectory(folder)) {
      return;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, names)) {
      for (Path entry : entries) {
        if (left.isEmpty()) {
          return;
        }
        look(entry.resolve(below));
      }
    } catch (IOException e) {
      LOG.debug("namespaces not listed folder={} error=\"{}\"", folder, e.getMessage());
    }
  }

  private void look(Path namespace) {
    try {
      if (!searched.add(Files.getAttribute(namespace, "unix:ino").toString())) {
        return;
      }
    } catch (IOException _) {
      return; // A process that has ended, or a pod.
    }
    try (Netns netns = Netns.open(namespace);
        Netlink pod = Netlink.open(netns)) {
      left.removeIf(pair -> isSet(pair, pod));
    } catch (RuntimeException e) {
      LOG.debug("namespace not looked at path={} error=\"{}\"", namespace, e.getMessage());
    }
  }

  private boolean isSet(Pair pair, Netlink pod) {
    boolean isIt =
        pod.linkByIndex(pair.host().peerIndex())
            .filter(link -> link.peerIndex() == pair.host().index())
            .filter(link -> link.mac().equals(pair.device().podMac()))
            .isPresent();
    if (isIt) {
      // Neither end sends what the other does not take.
      if (pair.host().mtuBytes() < bytes) {
        node.setMtu(pair.host().index(), bytes);
      }
      pod.setMtu(pair.host().peerIndex(), bytes);
      node.setMtu(pair.host().index(), bytes);
    }
    return isIt;
  }
}
