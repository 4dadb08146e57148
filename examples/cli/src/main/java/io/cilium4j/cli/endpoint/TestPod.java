// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.endpoint;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.AgentClient.Reply;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.UsageException;
import io.cilium4j.cli.json.Json;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.NetException;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.VethPair;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A pod without containers: a network namespace with a device in it. It comes about as a CNI plugin
 * makes one: an address from the agent, a pair of devices, then the endpoint.
 */
final class TestPod {
  private static final int MTU_BYTES = 1500;
  private static final int NOT_FOUND = 404;

  private final AgentClient agent;
  private final String namespace;
  private final String name;

  /**
   * @param namespace a Kubernetes namespace
   * @param name a name as a pod may have it
   */
  TestPod(AgentClient agent, String namespace, String name) {
    for (String each : List.of(namespace, name)) {
      if (!each.matches("[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?")) {
        throw new UsageException("pod " + each + ": wanted a name of a-z, 0-9, '-' and '.'");
      }
    }
    this.agent = agent;
    this.namespace = namespace;
    this.name = name;
  }

  /**
   * A pod that was made.
   *
   * @param endpoint its endpoint's id
   * @param addresses its addresses
   */
  record Made(long endpoint, List<String> addresses) {}

  /** Where its network namespace stands. */
  Path netns() {
    return Netns.DEFAULT_FOLDER.resolve("cilium-" + namespace + "-" + name);
  }

  private String containerId() {
    return "debug-" + namespace + "-" + name;
  }

  /** Fits into a device's 15 characters, and is the same each time. */
  private String device() {
    return "dbg%08x".formatted(toString().hashCode());
  }

  /**
   * Makes the pod; it is ready when this returns.
   *
   * @throws CommandException if it cannot; nothing is left of the attempt
   */
  Made add(Collection<String> labels) throws IOException {
    if (Netns.exists(netns())) {
      throw new CommandException("pod " + this + ": namespace " + netns() + " exists already");
    }
    Json given =
        agent
            .send(
                "POST",
                "/ipam?owner=" + AgentClient.encode(namespace + "/" + name),
                Map.of("Expiration", "true"),
                Json.absent())
            .orThrow("ipam");
    boolean made = false;
    try (Netns inside = Netns.create(netns().getFileName().toString())) {
      Json endpoint = agent.call("PUT", "/endpoint/cilium-local:0", request(given, inside, labels));
      made = true;
      return new Made(endpoint.get("id").number(), addresses(given));
    } catch (NetException e) {
      throw new CommandException("pod " + this + ": " + e.getMessage(), e);
    } finally {
      if (!made) {
        undo(given);
      }
    }
  }

  private static List<String> addresses(Json given) {
    List<String> addresses = new ArrayList<>();
    for (String family : List.of("ipv4", "ipv6")) {
      String address = given.get("address", family).text();
      if (!address.isEmpty()) {
        addresses.add(address);
      }
    }
    return addresses;
  }

  private Json request(Json given, Netns inside, Collection<String> labels) {
    var veth =
        new VethPair(
            device(), "eth0", PodConnector.randomMac(), PodConnector.randomMac(), MTU_BYTES);
    Link host;
    try (Netlink here = Netlink.open();
        Netlink there = Netlink.open(inside)) {
      host = here.createVeth(veth, inside);
      there.linkByName("lo").ifPresent(lo -> there.setUp(lo.index()));
      there.setUp(host.peerIndex());
      for (String family : List.of("ipv4", "ipv6")) {
        String own = given.get("address", family).text();
        String router = given.get("host-addressing", family, "ip").text();
        if (!own.isEmpty() && !router.isEmpty()) {
          lead(there, host, IpAddress.parse(own), IpAddress.parse(router));
        }
      }
    }
    Map<String, Json> request = new LinkedHashMap<>();
    request.put("container-id", Json.of(containerId()));
    request.put("container-interface-name", Json.of("eth0"));
    request.put("interface-name", Json.of(host.name()));
    request.put("interface-index", Json.of((long) host.index()));
    request.put("host-mac", Json.of(host.mac().toString()));
    request.put("mac", Json.of(veth.peerMac().toString()));
    request.put("k8s-pod-name", Json.of(name));
    request.put("k8s-namespace", Json.of(namespace));
    request.put("labels", Json.ofTexts(List.copyOf(labels)));
    request.put("state", Json.of("waiting-for-identity"));
    request.put("sync-build-endpoint", Json.of(true));
    request.put("addressing", given.get("address"));
    return new Json.Obj(request);
  }

  /** Every packet leaves by the node. */
  private static void lead(Netlink inside, Link host, IpAddress own, IpAddress router) {
    int eth0 = host.peerIndex();
    inside.ensureAddress(eth0, InterfaceAddress.host(own), DuplicateCheck.SKIP);
    inside.setNeighbour(eth0, router, host.mac());
    inside.replaceRoute(Route.to(IpPrefix.host(router), eth0));
    inside.replaceRoute(
        Route.to(IpPrefix.parse(router.isV4() ? "0.0.0.0/0" : "::/0"), eth0).via(router));
  }

  private void undo(Json given) throws IOException {
    removeNamespace();
    for (String address : addresses(given)) {
      // What came of it matters to nobody: it comes back at its deadline, too.
      var _ = agent.send("DELETE", "/ipam/" + AgentClient.encode(address), Map.of(), Json.absent());
    }
  }

  /**
   * Removes the pod.
   *
   * @throws CommandException if there is none, or the agent does not let it go
   */
  void delete() throws IOException {
    Reply reply =
        agent.send(
            "DELETE", "/endpoint", Map.of(), Json.object("container-id", Json.of(containerId())));
    if (!reply.isSuccess() && reply.status() != NOT_FOUND) {
      throw new CommandException("pod " + this + ": " + reply.reason());
    }
    boolean had = removeNamespace();
    if (!had && reply.status() == NOT_FOUND) {
      throw new CommandException("pod " + this + ": not found; cilium debug pod add creates it");
    }
  }

  /** With the namespace goes its device, and with that the node's side. */
  private boolean removeNamespace() {
    try (Netlink here = Netlink.open()) {
      here.linkByName(device()).ifPresent(link -> here.deleteLink(link.index()));
      return Netns.delete(netns());
    } catch (NetException e) {
      throw new CommandException("pod " + this + ": " + e.getMessage(), e);
    }
  }

  /** {@code namespace/name}. */
  @Override
  public String toString() {
    return namespace + "/" + name;
  }
}
