// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.EndpointDevices.AdoptRequest;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.VethPair;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * A node with the eBPF datapath under an instance of the tests' own, and pods in real namespaces.
 */
final class TestNode implements AutoCloseable {

  static final IpAddress NODE4 = IpAddress.parse("10.244.7.1");
  static final IpAddress NODE6 = IpAddress.parse("fd00:244:7::1");

  /** To be set where two runs of these tests share a machine. */
  static final String INSTANCE = System.getProperty("kernel.tests.instance", "dptest");

  /** Room for the largest measurement; the defaults would do for the tests. */
  static final Limits LIMITS = new Limits(262_144, 65_536, 131_072);

  /** The same for every run, so that one takes over and removes what an aborted one left. */
  static final Path RUN_FOLDER =
      Path.of(System.getProperty("java.io.tmpdir"), "cilium4j-" + INSTANCE);

  private final Path folder;
  private final Recording recording;
  private final Routing routing;
  private final ProxyListeners listeners;
  private final boolean hostFirewall;
  private final List<Pod> pods = new ArrayList<>();
  final List<Flow> flows = new CopyOnWriteArrayList<>();

  /** Of the next datapath that is opened. */
  Limits limits = LIMITS;

  EbpfDatapath datapath;

  /** A pod: its namespace, and its row as last applied. */
  record Pod(Netns netns, Endpoint endpoint) {
    IpAddress v4() {
      return endpoint.addresses().get(0);
    }

    IpAddress v6() {
      return endpoint.addresses().get(1);
    }
  }

  TestNode(Path folder) {
    this(folder, Recording.OFF);
  }

  TestNode(Path folder, Recording recording) {
    this(folder, recording, Routing.NETWORK);
  }

  TestNode(Path folder, Recording recording, Routing routing) {
    this(folder, recording, routing, ProxyListeners.NONE);
  }

  TestNode(Path folder, Recording recording, Routing routing, ProxyListeners listeners) {
    this(folder, recording, routing, listeners, false);
  }

  TestNode(
      Path folder,
      Recording recording,
      Routing routing,
      ProxyListeners listeners,
      boolean hostFirewall) {
    this.hostFirewall = hostFirewall;
    this.listeners = listeners;
    this.folder = folder;
    this.recording = recording;
    this.routing = routing;
    // What an aborted run left would be taken over otherwise.
    open(List.of());
    datapath.destroy();
    open(List.of());
    datapath.apply(
        RowChanges.put(
            new IpcacheRow(IpPrefix.host(NODE4), ReservedIdentity.HOST.id()),
            new IpcacheRow(IpPrefix.host(NODE6), ReservedIdentity.HOST.id())));
  }

  /** Opens a datapath that is closed. */
  void open() {
    open(List.of());
  }

  /** Opens a datapath for devices of these names. */
  void open(List<String> devices) {
    datapath =
        new EbpfDatapath(
            Config.builder(INSTANCE, RUN_FOLDER)
                .nodeAddresses(NODE4, NODE6)
                .limits(limits)
                .devices(devices)
                .routing(routing)
                .listeners(listeners)
                .hostFirewall(hostFirewall)
                .build(),
            recording);
    datapath.subscribe(flows::add);
  }

  /** What a restart of the agent is to the datapath. */
  void restart() {
    datapath.close();
    open();
  }

  Pod pod(int id, int identity, PolicyMapState policy) {
    Netns netns = Netns.create(folder, "pod" + id);
    List<IpAddress> addresses = List.of(NODE4.plus(id), NODE6.plus(id));
    return join(
        id,
        identity,
        policy,
        netns,
        datapath.connect(new ConnectRequest(id, netns.path().toString(), "eth0", addresses, 1500)));
  }

  /** A pod whose devices somebody else made, who left it to ask for its next hop. */
  Pod adopted(int id, int identity, PolicyMapState policy) {
    return adopted(id, identity, policy, _ -> {});
  }

  /**
   * As above.
   *
   * @param before what its maker does to the node's end before it is adopted
   */
  Pod adopted(int id, int identity, PolicyMapState policy, Consumer<Link> before) {
    Netns netns = Netns.create(folder, "pod" + id);
    try (Netlink here = Netlink.open();
        Netlink inside = Netlink.open(netns)) {
      var pair =
          new VethPair(
              "dpadopt" + id, "eth0", PodConnector.randomMac(), PodConnector.randomMac(), 1500);
      Link host = here.createVeth(pair, netns);
      int pod = host.peerIndex();
      inside.setUp(pod);
      for (IpAddress nextHop : List.of(NODE4, NODE6)) {
        IpPrefix everything = IpPrefix.parse(nextHop.isV4() ? "0.0.0.0/0" : "::/0");
        var address = InterfaceAddress.host(nextHop.plus(id));
        inside.ensureAddress(pod, address, DuplicateCheck.SKIP);
        inside.replaceRoute(Route.to(IpPrefix.host(nextHop), pod));
        inside.replaceRoute(Route.to(everything, pod).via(nextHop));
      }
      var device =
          new EndpointInterface(
              host.name(), host.index(), host.mac(), pair.peerMac(), netns.path().toString());
      before.accept(host);
      List<IpAddress> addresses = List.of(NODE4.plus(id), NODE6.plus(id));
      return join(
          id, identity, policy, netns, datapath.adopt(new AdoptRequest(id, device, addresses)));
    }
  }

  private Pod join(
      int id, int identity, PolicyMapState policy, Netns netns, EndpointInterface device) {
    List<IpAddress> addresses = List.of(NODE4.plus(id), NODE6.plus(id));
    var pod =
        new Pod(
            netns,
            new Endpoint(
                id,
                "default",
                "pod" + id,
                Labels.EMPTY,
                identity,
                addresses,
                device,
                Map.of(),
                EndpointState.READY));
    pods.add(pod);
    enforce(pod, policy);
    return pod;
  }

  void enforce(Pod pod, PolicyMapState policy) {
    datapath.apply(RowChanges.put(new EndpointRow(pod.endpoint(), policy, 1)));
  }

  void remove(Pod pod) {
    datapath.apply(RowChanges.remove(new EndpointRow(pod.endpoint(), PolicyMapState.DENY_ALL, 1)));
    datapath.disconnect(pod.endpoint().device());
    pod.netns().close();
    Netns.delete(pod.netns().path());
    pods.remove(pod);
  }

  @Override
  public void close() {
    datapath.destroy();
    for (Pod pod : pods) {
      pod.netns().close();
      Netns.delete(pod.netns().path());
    }
  }
}
