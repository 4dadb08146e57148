// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Node;
import io.cilium4j.datapath.observer.proto.peer.ChangeNotification;
import io.cilium4j.datapath.observer.proto.peer.ChangeNotificationType;
import io.cilium4j.datapath.observer.proto.peer.TLS;
import java.time.Duration;
import java.util.Map;

/** Tells a relay of the cluster's nodes, as long as it listens. */
record Peers(ObserverConfig config) {

  private static final String DEFAULT_CLUSTER = "default";

  /** How soon a change of the nodes is told. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  void tell(Outgoing<ChangeNotification> to) throws InterruptedException {
    Map<String, Node> told = Map.of();
    while (!to.isOver()) {
      Map<String, Node> now = config.nodes().get();
      for (Node node : now.values()) {
        Node before = told.get(node.name());
        if (before == null) {
          to.send(notification(node, ChangeNotificationType.PEER_ADDED));
        } else if (!before.equals(node)) {
          to.send(notification(node, ChangeNotificationType.PEER_UPDATED));
        }
      }
      for (Node node : told.values()) {
        if (!now.containsKey(node.name())) {
          to.send(notification(node, ChangeNotificationType.PEER_DELETED));
        }
      }
      told = now;
      to.await(LOOK);
    }
  }

  private ChangeNotification notification(Node node, ChangeNotificationType type) {
    var told = ChangeNotification.newBuilder().setName(name(node)).setType(type);
    if (config.isSecured()) {
      told.setTls(TLS.newBuilder().setServerName(serverName(node)));
    }
    node.addresses().stream().findFirst().ifPresent(each -> told.setAddress(authority(each)));
    return told.build();
  }

  /** Nodes of a cluster without a name of its own are told without it. */
  private String name(Node node) {
    return config.clusterName().equals(DEFAULT_CLUSTER)
        ? node.name()
        : config.clusterName() + "/" + node.name();
  }

  /** What stands in a node's certificate. */
  private String serverName(Node node) {
    return node.name().replace('.', '-')
        + "."
        + config.clusterName().replace('.', '-')
        + ".hubble-grpc.cilium.io";
  }

  private String authority(IpAddress address) {
    return (address.isV4() ? address.toString() : "[" + address + "]") + ":" + config.port();
  }
}
