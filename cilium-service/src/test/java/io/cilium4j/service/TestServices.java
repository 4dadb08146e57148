// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.Backend.State;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import io.cilium4j.service.FrontendOwners.Occupant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Services, with the rows that follow from what moved. */
final class TestServices {
  static final String NODE = "node-1";

  final ServiceNumbers numbers = new ServiceNumbers(StateFile.NONE, Set.of());

  /** Addresses of pods. */
  final Set<IpAddress> occupied = new HashSet<>();

  /** Addresses of nodes, which this one is not. */
  final Set<IpAddress> others = new HashSet<>();

  final FrontendOwners owners;
  final Map<FrontendKey, FrontendRow> rows = new TreeMap<>();
  final Map<Integer, Frontend> frontends = new TreeMap<>();

  /** Of a node that no service is near to. */
  TestServices() {
    this(Topology.none(NODE));
  }

  TestServices(Topology topology) {
    this(topology, true);
  }

  TestServices(Topology topology, boolean externalIpMitigation) {
    this.owners = new FrontendOwners(topology, true, externalIpMitigation, numbers, this::occupant);
  }

  Occupant occupant(IpAddress address) {
    if (others.contains(address)) {
      return Occupant.NODE;
    }
    return occupied.contains(address) ? Occupant.POD : Occupant.NOBODY;
  }

  /**
   * What a client puts: TCP, or some protocols, at an address and port, with backends of that port.
   *
   * @param backends addresses
   */
  record Request(String address, int port, List<Protocol> protocols, List<String> backends)
      implements ServiceRequest {
    Request {
      protocols = List.copyOf(protocols);
      backends = List.copyOf(backends);
    }

    Request(String address, int port, List<String> backends) {
      this(address, port, List.of(Protocol.TCP), backends);
    }

    @Override
    public RequestedService read(long number) {
      return RequestedService.of(
          number,
          this,
          protocols.stream()
              .map(each -> new FrontendKey(IpAddress.parse(address), port, each))
              .toList(),
          backends.stream()
              .map(each -> new PlacedBackend(Backend.active(IpAddress.parse(each), port), ""))
              .toList());
    }
  }

  /** The object of a manifest. */
  static RawResource raw(String yaml) {
    Map<String, @Nullable Object> object = Trees.map(DocumentReader.read(yaml).getFirst());
    var key =
        new ResourceKey(
            Trees.text(object, "kind"), "default", Trees.text(object, "metadata", "name"));
    return new RawResource(key, Trees.text(object, "apiVersion"), object);
  }

  /** A service, of which the manifest says this beside its name. */
  static RawResource service(String name, String spec) {
    return raw(
        "{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {%s}}".formatted(name, spec));
  }

  /** A slice of a service, of which the manifest says this. */
  static RawResource slice(String name, String service, String content) {
    return raw(
        """
        {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice,
         metadata: {name: %s, labels: {kubernetes.io/service-name: %s}}, %s}
        """
            .formatted(name, service, content));
  }

  /** A slice of ready IPv4 endpoints with a port without name. */
  static RawResource slice(String name, String service, int port, List<String> addresses) {
    String endpoints =
        String.join(", ", addresses.stream().map(a -> "{addresses: [" + a + "]}").toList());
    return slice(
        name,
        service,
        "addressType: IPv4, ports: [{port: %d}], endpoints: [%s]".formatted(port, endpoints));
  }

  TestServices put(RawResource... objects) {
    for (RawResource object : objects) {
      owners.put(object);
    }
    return look();
  }

  TestServices remove(RawResource... objects) {
    for (RawResource object : objects) {
      owners.remove(object.key());
    }
    return look();
  }

  /** Takes over what moved; it must be right about what was there before. */
  TestServices look() {
    List<FrontendOwners.Moved> all = owners.look();
    for (FrontendOwners.Moved moved : all) {
      for (FrontendRow row : moved.before().rows()) {
        assertEquals(row, rows.remove(row.key()));
      }
      moved.before().frontends().forEach(each -> frontends.remove(each.number()));
    }
    for (FrontendOwners.Moved moved : all) {
      moved.after().rows().forEach(row -> rows.put(row.key(), row));
      moved.after().frontends().forEach(each -> frontends.put(each.number(), each));
    }
    return this;
  }

  /** The rows as text, by frontend; what is asked beside them is left out. */
  Map<String, String> texts() {
    Map<String, String> texts = new TreeMap<>();
    rows.forEach((key, row) -> {
      if (!key.isRest()) {
        texts.put(text(key), text(row));
      }
    });
    return texts;
  }

  static String text(FrontendKey key) {
    return key.toString().substring("frontend ".length());
  }

  static String text(FrontendRow row) {
    String backends = String.join(" ", row.backends().stream().map(TestServices::text).toList());
    return row.affinitySeconds() == 0 ? backends : backends + " for " + row.affinitySeconds() + "s";
  }

  private static String text(Backend backend) {
    return backend.state() == State.ACTIVE
        ? backend.toString()
        : backend + "/" + backend.state().text();
  }
}
