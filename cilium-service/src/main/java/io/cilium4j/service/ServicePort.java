// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.Protocol;
import io.cilium4j.documents.Trees;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A port of a Service or of an EndpointSlice.
 *
 * @param name by which a slice's port is that of a service; may be empty
 * @param port 1 to 65535
 * @param protocol TCP, UDP or SCTP
 * @param nodePort the port of each node at which a service is asked as well; 0 for none
 */
public record ServicePort(String name, int port, Protocol protocol, int nodePort) {

  private static final int MAX_PORT = 65_535;

  /** Whether this port of a slice is that one of its service. */
  boolean serves(ServicePort service) {
    return name.equals(service.name) && protocol == service.protocol;
  }

  /**
   * The ports of an object. One that makes no sense, or that is there already, is left out.
   *
   * @param path where the list is, for people
   * @param sameness what no two of them may have in common
   */
  static List<ServicePort> read(
      List<?> items, String path, Function<ServicePort, ?> sameness, ObjectProblems problems) {
    List<ServicePort> ports = new ArrayList<>();
    for (int i = 0; i < items.size(); i++) {
      String at = path + "[" + i + "]";
      read(items.get(i), at, problems)
          .ifPresent(port -> {
            Object same = sameness.apply(port);
            if (ports.stream().anyMatch(each -> sameness.apply(each).equals(same))) {
              problems.add(at + ": " + same + " is there twice");
            } else {
              ports.add(port);
            }
          });
    }
    return List.copyOf(ports);
  }

  private static Optional<ServicePort> read(
      @Nullable Object item, String path, ObjectProblems problems) {
    Object number = Trees.at(item, "port");
    if (number == null) {
      return Optional.empty(); // Of a slice: whatever port. There is nothing to translate to.
    }
    if (!(number instanceof Integer port) || port < 1 || port > MAX_PORT) {
      problems.add(path + ".port " + number + ": wanted 1 to " + MAX_PORT);
      return Optional.empty();
    }
    String text = Trees.text(item, "protocol");
    Optional<Protocol> protocol = text.isEmpty() ? Optional.of(Protocol.TCP) : transport(text);
    if (protocol.isEmpty()) {
      problems.add(path + ".protocol \"" + text + "\": wanted TCP, UDP or SCTP");
    }
    int nodePort = nodePort(Trees.at(item, "nodePort"), path, problems);
    return protocol.map(known -> new ServicePort(Trees.text(item, "name"), port, known, nodePort));
  }

  private static int nodePort(@Nullable Object number, String path, ObjectProblems problems) {
    if (number == null || Integer.valueOf(0).equals(number)) {
      return 0; // Slices have none, and most services.
    }
    if (number instanceof Integer port && port >= 1 && port <= MAX_PORT) {
      return port;
    }
    problems.add(path + ".nodePort " + number + ": wanted 1 to " + MAX_PORT);
    return 0;
  }

  /** The protocol of this name, if services can have it. */
  public static Optional<Protocol> transport(String text) {
    return Protocol.tryParse(text)
        .filter(each -> each == Protocol.TCP || each == Protocol.UDP || each == Protocol.SCTP);
  }
}
