// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.EndpointSelector;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Pod;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.Requirement;
import io.cilium4j.core.Requirement.Operator;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.documents.Trees;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A CiliumLocalRedirectPolicy: what an address or a service is asked at some ports, pods of the
 * client's own node answer. Where several want one frontend the oldest has it, of one age the first
 * by name.
 *
 * @param createdAt when it was made, as Kubernetes writes it; empty where nobody says
 * @param address whose ports are redirected; absent if it is a service's
 * @param service whose ports are redirected, of the policy's own namespace; absent if it is an
 *     address's
 * @param frontends those ports; none for all of the service
 * @param selector which pods of the policy's namespace answer
 * @param backends at which of their ports
 */
record RedirectPolicy(
    ResourceKey key,
    String createdAt,
    Optional<IpAddress> address,
    Optional<ResourceKey> service,
    List<Port> frontends,
    EndpointSelector selector,
    List<Port> backends)
    implements Comparable<RedirectPolicy> {

  /** The kind that is read. */
  static final String KIND = "CiliumLocalRedirectPolicy";

  private static final int MAX_PORT = 65_535;

  private static final Comparator<RedirectPolicy> ORDER =
      Comparator.<RedirectPolicy, Boolean>comparing(each -> each.createdAt.isEmpty())
          .thenComparing(RedirectPolicy::createdAt)
          .thenComparing(RedirectPolicy::key);

  /**
   * A port of a frontend, or of the pods behind it.
   *
   * @param name by which the one is found for the other where there are several; may be empty
   */
  record Port(String name, int port, Protocol protocol) {}

  RedirectPolicy {
    frontends = List.copyOf(frontends);
    backends = List.copyOf(backends);
  }

  @Override
  public int compareTo(RedirectPolicy other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return key.toString();
  }

  /** Whether a pod is one of those that answer; it may be on another node, or not ready. */
  boolean selects(Pod pod) {
    return pod.namespace().equals(key.namespace()) && selector.matches(labels(pod));
  }

  private static Labels labels(Pod pod) {
    List<Label> labels = new ArrayList<>();
    pod.labels().forEach((name, value) -> labels.add(Label.k8s(name, value)));
    return Labels.of(labels);
  }

  /**
   * The port of pods that answers for a port of a frontend.
   *
   * @param byName whether there are several ports, so that names tell which is which
   */
  Optional<Port> backend(String name, Protocol protocol, boolean byName) {
    Predicate<Port> isNamed = each -> each.name.equals(name);
    List<Port> fitting = backends.stream().filter(each -> each.protocol == protocol).toList();
    Optional<Port> named = fitting.stream().filter(isNamed).findFirst();
    return byName || named.isPresent() ? named : fitting.stream().findFirst();
  }

  /** Which port of the policy means this port of its service; absent for none. */
  Optional<Port> frontend(ServicePort port) {
    return frontends.isEmpty()
        ? Optional.of(new Port(port.name(), port.port(), port.protocol()))
        : frontends.stream()
            .filter(each -> each.port == port.port() && each.protocol == port.protocol())
            .findFirst();
  }

  // ---- reading ----

  /**
   * The policy of an object.
   *
   * @throws IllegalArgumentException if it is none that can be carried out; the message says why
   */
  static RedirectPolicy read(RawResource raw) {
    Object object = raw.object();
    Object frontend = Trees.at(object, "spec", "redirectFrontend");
    Object byAddress = Trees.at(frontend, "addressMatcher");
    Object byService = Trees.at(frontend, "serviceMatcher");
    if ((byAddress == null) == (byService == null)) {
      throw new IllegalArgumentException(
          "spec.redirectFrontend: wanted either addressMatcher or serviceMatcher");
    }
    if (Boolean.TRUE.equals(Trees.at(object, "spec", "skipRedirectFromBackend"))) {
      throw new IllegalArgumentException(
          "spec.skipRedirectFromBackend: not built yet; without it the pods behind the policy could"
              + " not reach what it redirects, so that it is not in force");
    }
    String at = "spec.redirectFrontend." + (byAddress == null ? "service" : "address") + "Matcher";
    Object matcher = byAddress == null ? byService : byAddress;
    List<Port> frontends = ports(matcher, at);
    if (byAddress != null && frontends.isEmpty()) {
      throw new IllegalArgumentException(at + ".toPorts: wanted at least one port");
    }
    Object backend = Trees.at(object, "spec", "redirectBackend");
    List<Port> backends = ports(backend, "spec.redirectBackend");
    if (backends.isEmpty()) {
      throw new IllegalArgumentException("spec.redirectBackend.toPorts: wanted at least one port");
    }
    return new RedirectPolicy(
        raw.key(),
        Trees.text(object, "metadata", "creationTimestamp"),
        byAddress == null ? Optional.empty() : Optional.of(address(byAddress, at)),
        byService == null ? Optional.empty() : Optional.of(service(raw.key(), byService, at)),
        frontends,
        selector(
            Trees.at(backend, "localEndpointSelector"),
            "spec.redirectBackend.localEndpointSelector"),
        backends);
  }

  private static IpAddress address(Object matcher, String at) {
    String text = Trees.text(matcher, "ip").strip();
    Optional<IpAddress> address = IpAddress.tryParse(text);
    String unfit = address.map(RedirectPolicy::unfit).orElse("no address");
    if (!unfit.isEmpty()) {
      throw new IllegalArgumentException(at + ".ip \"" + text + "\": " + unfit);
    }
    return address.orElseThrow();
  }

  /** Of IPv6's link-local addresses each link has its own. */
  private static String unfit(IpAddress address) {
    return address.isV4() ? UnfitAddresses.ofFrontend(address) : UnfitAddresses.ofBackend(address);
  }

  /** Only of the policy's own namespace: who may write there may not take others' traffic. */
  private static ResourceKey service(ResourceKey policy, Object matcher, String at) {
    String namespace = Trees.text(matcher, "namespace");
    String name = Trees.text(matcher, "serviceName");
    if (!namespace.equals(policy.namespace())) {
      throw new IllegalArgumentException(
          at + ".namespace \"" + namespace + "\": wanted " + policy.namespace() + ", the policy's");
    }
    if (name.isEmpty()) {
      throw new IllegalArgumentException(at + ".serviceName: missing");
    }
    return new ResourceKey(KubernetesService.KIND, namespace, name);
  }

  private static List<Port> ports(@Nullable Object node, String at) {
    List<?> items = Trees.items(node, "toPorts");
    List<Port> ports = new ArrayList<>();
    Set<Object> seen = new HashSet<>();
    for (int i = 0; i < items.size(); i++) {
      String path = at + ".toPorts[" + i + "]";
      Port port = port(items.get(i), path);
      if (items.size() > 1 && port.name.isEmpty()) {
        throw new IllegalArgumentException(path + ".name: missing; several ports need names");
      }
      if (!seen.add(port.port + "/" + port.protocol)
          || (!port.name.isEmpty() && !seen.add(port.name))) {
        throw new IllegalArgumentException(path + ": its port or name is there twice");
      }
      ports.add(port);
    }
    return ports;
  }

  private static Port port(@Nullable Object item, String path) {
    String number = Trees.text(item, "port");
    if (!number.matches("[0-9]{1,5}")
        || Integer.parseInt(number) < 1
        || Integer.parseInt(number) > MAX_PORT) {
      throw new IllegalArgumentException(
          path + ".port " + Trees.at(item, "port") + ": wanted a text, \"1\" to \"65535\"");
    }
    Protocol protocol =
        ServicePort.transport(Trees.text(item, "protocol"))
            .filter(each -> each != Protocol.SCTP)
            .orElseThrow(() ->
                new IllegalArgumentException(
                    path
                        + ".protocol \""
                        + Trees.text(item, "protocol")
                        + "\": wanted TCP or UDP"));
    return new Port(Trees.text(item, "name"), Integer.parseInt(number), protocol);
  }

  /** As Kubernetes has it; a selector that is absent, or cannot be read, must not select all. */
  private static EndpointSelector selector(@Nullable Object node, String at) {
    if (!(node instanceof Map<?, ?>)) {
      throw new IllegalArgumentException(at + ": missing");
    }
    List<Requirement> all = new ArrayList<>();
    Object labels = Trees.at(node, "matchLabels");
    if (labels != null) {
      Trees.map(labels)
          .forEach(
              (key, value) -> all.add(requirement(key, Operator.IN, List.of(text(value, at)))));
    }
    for (Object item : Trees.items(node, "matchExpressions")) {
      List<String> values =
          Trees.items(item, "values").stream().map(value -> text(value, at)).toList();
      all.add(requirement(Trees.text(item, "key"), operator(item, at), values));
    }
    return new EndpointSelector(all);
  }

  private static Requirement requirement(String key, Operator operator, List<String> values) {
    Label label = Label.parseSelector(key);
    if (!Set.of(LabelSource.ANY, LabelSource.K8S).contains(label.source())) {
      throw new IllegalArgumentException("selector key \"" + key + "\": wanted a pod's label");
    }
    return new Requirement(label.source(), label.key(), operator, values);
  }

  private static Operator operator(@Nullable Object item, String at) {
    return switch (Trees.text(item, "operator")) {
      case "In" -> Operator.IN;
      case "NotIn" -> Operator.NOT_IN;
      case "Exists" -> Operator.EXISTS;
      case "DoesNotExist" -> Operator.DOES_NOT_EXIST;
      default ->
          throw new IllegalArgumentException(
              at + ": operator \"" + Trees.text(item, "operator") + "\" is none");
    };
  }

  private static String text(@Nullable Object value, String at) {
    if (value instanceof String text) {
      return text;
    }
    throw new IllegalArgumentException(at + ": value " + value + ": wanted a text");
  }
}
