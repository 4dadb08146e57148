// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.manifest;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.PoolNames;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.documents.Trees;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A document to the object that it describes. Fields that nobody needs are passed over. */
public final class Manifests {

  /** Most containers, ports and addresses that one object may have. */
  private static final int MAX_ITEMS = 1_000;

  /** The annotation of the object that stands for a static pod: that one's id. */
  private static final String MIRROR = "kubernetes.io/config.mirror";

  private Manifests() {}

  /** Which object a document is; absent where it does not say so in a way that can be read. */
  public static Optional<ResourceKey> key(Object document) {
    try {
      String kind = Fields.text(document, "", "kind").orElse("");
      Map<String, @Nullable Object> metadata = Fields.object(document, "", "metadata");
      return kind.isEmpty()
          ? Optional.empty()
          : Optional.of(
              new ResourceKey(
                  kind,
                  Kinds.isNamespaced(kind) ? Fields.namespace(metadata) : "",
                  Fields.name(metadata)));
    } catch (ManifestException e) {
      return Optional.empty();
    }
  }

  /**
   * The object of a document; absent for kinds that nobody here reads.
   *
   * @param file where it stands, for people
   * @throws ManifestException if the document is wrong
   */
  public static Optional<Manifest> convert(Object document, String file) throws ManifestException {
    if (!(document instanceof Map<?, ?>)) {
      throw Fields.wanted("document", "an object", document);
    }
    String apiVersion =
        Fields.text(document, "", "apiVersion")
            .orElseThrow(() -> new ManifestException("apiVersion: missing"));
    String kind =
        Fields.text(document, "", "kind").orElseThrow(() -> new ManifestException("kind: missing"));
    if (!Kinds.isRead(apiVersion, kind)) {
      return Optional.empty();
    }
    Map<String, @Nullable Object> metadata = Fields.object(document, "", "metadata");
    try {
      return Optional.of(
          switch (kind) {
            case "Pod" -> pod(document, metadata);
            case "Namespace" -> namespace(metadata);
            case "Node" -> new Manifest.NodeManifest(node(document, metadata));
            case "CiliumNode" -> new Manifest.CiliumNodeManifest(ciliumNode(document, metadata));
            default -> raw(apiVersion, kind, metadata, document, file);
          });
    } catch (IllegalArgumentException e) {
      // A noun refused what it was given; its message says what.
      throw new ManifestException(kind + ": " + e.getMessage(), e);
    }
  }

  private static Manifest pod(Object document, Map<String, @Nullable Object> metadata)
      throws ManifestException {
    Map<String, @Nullable Object> spec = Fields.object(document, "", "spec");
    Map<String, @Nullable Object> status = Fields.object(document, "", "status");
    String phase = Fields.text(status, "status", "phase").orElse("");
    Map<String, String> labels = Fields.labels(metadata);
    boolean ended = phase.equals("Succeeded") || phase.equals("Failed");
    Pod.Builder pod =
        Pod.builder(Fields.namespace(metadata), Fields.name(metadata))
            .uid(uid(metadata))
            .labels(labels)
            .addresses(ended ? List.of() : podAddresses(status))
            .hostNetwork(Fields.flag(spec, "spec", "hostNetwork"))
            .namedPorts(namedPorts(spec))
            .hostPorts(hostPorts(spec))
            .pools(pools(metadata))
            .isReady(isReady(metadata, status));
    Fields.text(spec, "spec", "nodeName").filter(name -> !name.isEmpty()).ifPresent(pod::nodeName);
    Fields.text(spec, "spec", "serviceAccountName")
        .filter(name -> !name.isEmpty())
        .ifPresent(pod::serviceAccount);
    Workloads.of(metadata, labels).ifPresent(pod::workload);
    return new Manifest.PodManifest(pod.build());
  }

  /** A pod that is on its way out is not, nor is one that Kubernetes says is not. */
  private static boolean isReady(
      Map<String, @Nullable Object> metadata, Map<String, @Nullable Object> status)
      throws ManifestException {
    if (metadata.get("deletionTimestamp") != null) {
      return false;
    }
    for (Object condition : Fields.list(status, "status", "conditions")) {
      if (Trees.text(condition, "type").equals("Ready")) {
        return Trees.text(condition, "status").equals("True");
      }
    }
    return true;
  }

  /** Of a static pod the kubelet, and so its runtime, has another one than the API server. */
  private static String uid(Map<String, @Nullable Object> metadata) throws ManifestException {
    Map<String, @Nullable Object> annotations = Fields.object(metadata, "metadata", "annotations");
    Optional<String> ofStatic = Fields.text(annotations, "metadata.annotations", MIRROR);
    return ofStatic.isPresent()
        ? ofStatic.get()
        : Fields.text(metadata, "metadata", "uid").orElse("");
  }

  private static List<IpAddress> podAddresses(Map<String, @Nullable Object> status)
      throws ManifestException {
    var addresses = new LinkedHashSet<IpAddress>();
    for (Object item : Fields.list(status, "status", "podIPs")) {
      Optional<String> text = Fields.text(item, "status.podIPs[]", "ip");
      text.map(IpAddress::parse).ifPresent(addresses::add);
      bound(addresses.size(), "status.podIPs");
    }
    Fields.text(status, "status", "podIP")
        .filter(text -> !text.isEmpty())
        .map(IpAddress::parse)
        .ifPresent(addresses::add);
    return List.copyOf(addresses);
  }

  /** Those that run as long as the pod does: also init containers that are restarted, sidecars. */
  private static List<Object> containers(Map<String, @Nullable Object> spec)
      throws ManifestException {
    List<Object> containers = new ArrayList<>(Fields.list(spec, "spec", "containers"));
    for (Object each : Fields.list(spec, "spec", "initContainers")) {
      if (Fields.text(each, "spec.initContainers[]", "restartPolicy")
          .filter("Always"::equals)
          .isPresent()) {
        containers.add(each);
      }
    }
    return containers;
  }

  private static Map<String, Endpoint.NamedPort> namedPorts(Map<String, @Nullable Object> spec)
      throws ManifestException {
    var ports = new LinkedHashMap<String, Endpoint.NamedPort>();
    for (Object container : containers(spec)) {
      for (Object port : Fields.list(container, "spec.containers[]", "ports")) {
        String path = "spec.containers[].ports[]";
        Optional<String> name = Fields.text(port, path, "name").filter(n -> !n.isEmpty());
        if (name.isPresent()) {
          ports.put(name.get(), namedPort(port, path, name.get()));
        }
        bound(ports.size(), path);
      }
    }
    return ports;
  }

  private static Endpoint.NamedPort namedPort(Object port, String path, String name)
      throws ManifestException {
    if (!name.matches("[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?")) {
      throw new ManifestException(path + ".name \"" + name + "\": not a port's name");
    }
    return new Endpoint.NamedPort(
        protocol(port, path).number(), number(port, path, "containerPort"));
  }

  private static List<Pod.HostPort> hostPorts(Map<String, @Nullable Object> spec)
      throws ManifestException {
    List<Pod.HostPort> ports = new ArrayList<>();
    for (Object container : containers(spec)) {
      for (Object port : Fields.list(container, "spec.containers[]", "ports")) {
        String path = "spec.containers[].ports[]";
        if (Trees.at(port, "hostPort") == null) {
          continue;
        }
        Optional<IpAddress> address =
            Fields.text(port, path, "hostIP")
                .filter(text -> !text.isEmpty())
                .map(IpAddress::parse)
                .filter(each -> !each.toInetAddress().isAnyLocalAddress());
        ports.add(
            new Pod.HostPort(
                address,
                number(port, path, "hostPort"),
                protocol(port, path),
                number(port, path, "containerPort")));
        bound(ports.size(), path);
      }
    }
    return ports;
  }

  private static int number(Object port, String path, String field) throws ManifestException {
    Object found = Trees.at(port, field);
    if (!(found instanceof Integer number) || number < 1 || number > 65_535) {
      throw Fields.wanted(path + "." + field, "1 to 65535", found);
    }
    return number;
  }

  private static Protocol protocol(Object port, String path) throws ManifestException {
    String protocol = Fields.text(port, path, "protocol").orElse("TCP");
    return Protocol.tryParse(protocol)
        .filter(p -> p == Protocol.TCP || p == Protocol.UDP || p == Protocol.SCTP)
        .orElseThrow(() ->
            new ManifestException(
                path + ".protocol \"" + protocol + "\": wanted TCP, UDP or SCTP"));
  }

  /** The API server puts every namespace's name among its labels; a manifest need not. */
  private static Manifest namespace(Map<String, @Nullable Object> metadata)
      throws ManifestException {
    String name = Fields.name(metadata);
    var labels = new LinkedHashMap<>(Fields.labels(metadata));
    labels.put(PodLabels.METADATA_NAME, name);
    return new Manifest.NamespaceManifest(new Namespace(name, labels, pools(metadata)));
  }

  /** A pool of one family goes before one of both. */
  private static PoolNames pools(Map<String, @Nullable Object> metadata) throws ManifestException {
    Map<String, @Nullable Object> annotations = Fields.object(metadata, "metadata", "annotations");
    if (annotations.isEmpty()) {
      return PoolNames.NONE;
    }
    String both = pool(annotations, "ip-pool", "");
    var names =
        new PoolNames(pool(annotations, "ipv4-pool", both), pool(annotations, "ipv6-pool", both));
    return names.equals(PoolNames.NONE) ? PoolNames.NONE : names;
  }

  private static String pool(
      Map<String, @Nullable Object> annotations, String which, String otherwise)
      throws ManifestException {
    return Fields.text(annotations, "metadata.annotations", "ipam.cilium.io/" + which)
        .filter(name -> !name.isEmpty())
        .orElse(otherwise);
  }

  private static Node node(Object document, Map<String, @Nullable Object> metadata)
      throws ManifestException {
    Map<String, @Nullable Object> spec = Fields.object(document, "", "spec");
    Map<String, @Nullable Object> status = Fields.object(document, "", "status");
    var cidrs = new LinkedHashSet<IpPrefix>(prefixes(spec, "spec", "podCIDRs"));
    Optional<String> single = Fields.text(spec, "spec", "podCIDR").filter(t -> !t.isEmpty());
    single.map(IpPrefix::parse).ifPresent(cidrs::add);
    return new Node(
        Fields.name(metadata),
        nodeAddresses(status, "status", "address"),
        List.copyOf(cidrs),
        Fields.labels(metadata));
  }

  private static Node ciliumNode(Object document, Map<String, @Nullable Object> metadata)
      throws ManifestException {
    Map<String, @Nullable Object> spec = Fields.object(document, "", "spec");
    Map<String, @Nullable Object> ipam = Fields.object(spec, "spec", "ipam");
    Map<String, @Nullable Object> pools = Fields.object(ipam, "spec.ipam", "pools");
    var cidrs = new LinkedHashSet<IpPrefix>(prefixes(ipam, "spec.ipam", "podCIDRs"));
    for (Object pool : Fields.list(pools, "spec.ipam.pools", "allocated")) {
      cidrs.addAll(prefixes(pool, "spec.ipam.pools.allocated[]", "cidrs"));
    }
    return new Node(
        Fields.name(metadata),
        nodeAddresses(spec, "spec", "ip"),
        List.copyOf(cidrs),
        Fields.labels(metadata));
  }

  /** Addresses of the types that are addresses: host names stand in the same list. */
  private static List<IpAddress> nodeAddresses(Object parent, String path, String field)
      throws ManifestException {
    var addresses = new ArrayList<IpAddress>();
    for (Object item : Fields.list(parent, path, "addresses")) {
      String type = Fields.text(item, path + ".addresses[]", "type").orElse("");
      if (type.equals("InternalIP") || type.equals("ExternalIP")) {
        Optional<String> text = Fields.text(item, path + ".addresses[]", field);
        text.map(IpAddress::parse).ifPresent(addresses::add);
      }
      bound(addresses.size(), path + ".addresses");
    }
    return addresses;
  }

  private static List<IpPrefix> prefixes(Object parent, String path, String field)
      throws ManifestException {
    var prefixes = new ArrayList<IpPrefix>();
    for (Object item : Fields.list(parent, path, field)) {
      if (!(item instanceof String text)) {
        throw Fields.wanted(path + "." + field + "[]", "text", item);
      }
      prefixes.add(IpPrefix.parse(text));
      bound(prefixes.size(), path + "." + field);
    }
    return prefixes;
  }

  private static void bound(int size, String path) throws ManifestException {
    if (size > MAX_ITEMS) {
      throw new ManifestException(path + ": more than " + MAX_ITEMS + " items");
    }
  }

  /** What policies mean by a service must be readable; else it is as it was. */
  private static void checkService(Object document, Map<String, @Nullable Object> metadata)
      throws ManifestException {
    var _ = Fields.labels(metadata);
    Map<String, @Nullable Object> spec = Fields.object(document, "", "spec");
    var _ = Fields.labels(spec, "spec", "selector");
  }

  private static void checkSlice(Object document, Map<String, @Nullable Object> metadata)
      throws ManifestException {
    var _ = Fields.labels(metadata);
    boolean areNames = Fields.text(document, "", "addressType").orElse("").equals("FQDN");
    for (Object endpoint : Fields.list(document, "", "endpoints")) {
      for (Object address : Fields.list(endpoint, "endpoints[]", "addresses")) {
        boolean isRight =
            address instanceof String text && (areNames || IpAddress.tryParse(text).isPresent());
        if (!isRight) {
          throw Fields.wanted("endpoints[].addresses[]", "an address", address);
        }
      }
    }
  }

  private static Manifest raw(
      String apiVersion,
      String kind,
      Map<String, @Nullable Object> metadata,
      Object document,
      String file)
      throws ManifestException {
    String namespace = Kinds.isNamespaced(kind) ? Fields.namespace(metadata) : "";
    var key = new ResourceKey(kind, namespace, Fields.name(metadata));
    switch (kind) {
      case "Service" -> checkService(document, metadata);
      case "EndpointSlice" -> checkSlice(document, metadata);
      default -> {} // Who reads such an object says what is wrong with it.
    }
    return new Manifest.RawManifest(new RawResource(key, apiVersion, Trees.map(document), file));
  }
}
