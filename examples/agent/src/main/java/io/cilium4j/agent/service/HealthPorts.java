// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.agent.cluster.ProbeServer;
import io.cilium4j.agent.cluster.ProbeServer.Answer;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.service.Frontend;
import io.cilium4j.service.KubernetesService;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The ports at which load balancers ask this node whether it has backends of a service whose
 * traffic stays at the node: 200 if it has some, else 503, with their number, as kube-proxy
 * answers.
 *
 * <p>Safe for use by several threads.
 */
public final class HealthPorts implements AutoCloseable {

  /** A service, and how many addresses of this node serve it. */
  record Health(ResourceKey service, int localEndpoints) {

    Answer answer() {
      String body =
          """
          {
          	"service": {
          		"namespace": "%s",
          		"name": "%s"
          	},
          	"localEndpoints": %d
          }\
          """
              .formatted(service.namespace(), service.name(), localEndpoints);
      String fields =
          "Content-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n"
              + "X-Load-Balancing-Endpoint-Weight: %d\r\n".formatted(localEndpoints);
      return new Answer(localEndpoints > 0 ? "200 OK" : "503 Service Unavailable", fields, body);
    }
  }

  private final Map<Integer, ProbeServer> servers = new HashMap<>();
  private boolean closed;
  private volatile Map<Integer, Health> present = Map.of();
  private volatile Map<String, String> problems = Map.of();

  /** What is asked at each port; of services with the same port the oldest has it. */
  static Map<Integer, Health> of(Snapshot<Long, Frontend> frontends, String node) {
    Map<KubernetesService, Set<IpAddress>> local = new TreeMap<>();
    for (Row<Long, Frontend> row : frontends) {
      Frontend frontend = row.value();
      if (frontend.owner() instanceof KubernetesService service
          && service.external().healthPort() > 0) {
        Set<IpAddress> addresses = local.computeIfAbsent(service, _ -> new HashSet<>());
        frontend.backends().stream()
            .filter(
                each -> each.node().equals(node) && each.backend().state() == Backend.State.ACTIVE)
            .forEach(each -> addresses.add(each.backend().address()));
      }
    }
    Map<Integer, Health> all = new HashMap<>();
    local.forEach((service, addresses) ->
        all.putIfAbsent(
            service.external().healthPort(), new Health(service.key(), addresses.size())));
    return all;
  }

  /** Answers for these services from now on, and at no other port. */
  public synchronized void follow(Snapshot<Long, Frontend> frontends, String node) {
    if (!closed) {
      answer(of(frontends, node));
    }
  }

  private void answer(Map<Integer, Health> wanted) {
    present = Map.copyOf(wanted);
    Iterator<Map.Entry<Integer, ProbeServer>> each = servers.entrySet().iterator();
    while (each.hasNext()) {
      Map.Entry<Integer, ProbeServer> server = each.next();
      if (!wanted.containsKey(server.getKey())) {
        server.getValue().close();
        each.remove();
      }
    }
    Map<String, String> failed = new TreeMap<>();
    wanted.forEach((port, health) -> {
      if (servers.containsKey(port)) {
        return;
      }
      try {
        servers.put(port, ProbeServer.start(new InetSocketAddress(port), _ -> answerAt(port)));
      } catch (IOException e) {
        failed.put(
            health.service() + " health check port",
            health.service() + ": load balancers cannot ask for it: " + e.getMessage());
      }
    });
    problems = Map.copyOf(failed);
  }

  private Answer answerAt(int port) {
    Health health = present.get(port);
    return health == null ? Answer.of("404 Not Found") : health.answer();
  }

  /** Ports that cannot be listened at, a whole line each. */
  public Map<String, String> problems() {
    return problems;
  }

  /** Listens at none any more. */
  @Override
  public synchronized void close() {
    closed = true;
    answer(Map.of());
  }
}
