// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.service;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Output;
import io.cilium4j.cli.command.Session;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.command.UsageException;
import io.cilium4j.cli.json.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** {@code cilium service …}: services and their backends. */
public final class ServiceCommands implements CommandGroup {
  private static final Option AFFINITY =
      new Option("--clustermesh-affinity", "", "show which backends are preferred");

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec("list", "list all services", AFFINITY, OUTPUT),
        new CommandSpec("get", "ID", "show one service", OUTPUT),
        new CommandSpec(
            "update",
            "add or change a service",
            new Option("--id", "ID", "number of the service"),
            new Option("--frontend", "ADDRESS", "IP:PORT[/PROTOCOL]"),
            new Option(
                "--backends", "ADDRESS…", "IP:PORT, in the same order as weights and states"),
            new Option("--backend-weights", "WEIGHT…", "one for each backend"),
            new Option("--states", "STATE…", "one for each backend: active, terminating, …"),
            new Option("--k8s-node-port", "", "a NodePort"),
            new Option("--k8s-external", "", "an ExternalIPs service"),
            new Option("--k8s-host-port", "", "a HostPort"),
            new Option("--k8s-load-balancer", "", "a LoadBalancer"),
            new Option("--local-redirect", "", "a local redirect"),
            new Option("--k8s-ext-traffic-policy", "POLICY", "Cluster or Local"),
            new Option("--k8s-int-traffic-policy", "POLICY", "Cluster or Local"),
            new Option("--k8s-cluster-internal", "", "reachable within the cluster only")),
        new CommandSpec(
            "delete",
            "ID | --all",
            0,
            1,
            "remove a service",
            List.of(new Option("--all", "", "remove all services"))));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    Output.of(arguments);
    return switch (command) {
      case "list" -> list(arguments, session);
      case "get" -> {
        Json service = session.agent().get("/service/" + id(arguments.operand()));
        yield session.show(arguments, service, () -> table(List.of(service), false).toString());
      }
      case "update" -> update(arguments, session);
      case "delete" -> delete(arguments, session);
      default -> throw new IllegalArgumentException(command);
    };
  }

  private static long id(String text) {
    if (!text.matches("[0-9]{1,10}")) {
      throw new UsageException("service " + text + ": wanted a number");
    }
    return Long.parseLong(text);
  }

  private static int list(Arguments arguments, Session session) throws IOException {
    List<Json> services = new ArrayList<>(session.agent().get("/service").items());
    services.sort(Comparator.comparingLong(each -> each.get("spec", "id").number()));
    boolean affinity = arguments.has(AFFINITY.name());
    return session.show(
        arguments, new Json.Arr(services), () -> table(services, affinity).toString());
  }

  private static TextTable table(List<Json> services, boolean affinity) {
    List<String> headers = new ArrayList<>(List.of("ID", "Frontend", "Service Type", "Backend"));
    // A service that is stored and not in the datapath has no backend realized.
    boolean areStored = services.stream().anyMatch(ServiceCommands::isStored);
    if (areStored) {
      headers.add("Status");
    }
    var table = new TextTable(headers.toArray(String[]::new));
    for (Json service : services) {
      Json spec = service.get("spec");
      List<String> backends = new ArrayList<>();
      for (Json backend : spec.get("backend-addresses").items()) {
        String preferred = affinity && backend.get("preferred").isTrue() ? " (preferred)" : "";
        backends.add(
            "%d => %s (%s)%s"
                .formatted(
                    backends.size() + 1,
                    ServiceText.address(backend),
                    backend.get("state").text("active"),
                    preferred));
      }
      String remote = spec.get("flags", "cluster").text().isEmpty() ? "" : " (Remote)";
      List<String> cells =
          new ArrayList<>(
              List.of(
                  spec.get("id").text(),
                  ServiceText.frontend(spec.get("frontend-address")),
                  spec.get("flags", "type").text("ClusterIP") + remote,
                  String.join("\n", backends)));
      if (areStored) {
        cells.add(isStored(service) ? "stored" : "realized");
      }
      table.row(cells.toArray());
    }
    return table;
  }

  private static boolean isStored(Json service) {
    return !service.get("spec", "backend-addresses").items().isEmpty()
        && service.get("status", "realized", "backend-addresses").items().isEmpty();
  }

  private static int update(Arguments arguments, Session session) throws IOException {
    long id = id(arguments.need("--id"));
    Json frontend = ServiceText.parse(arguments.need("--frontend"), true);
    if (arguments.has("--k8s-cluster-internal")) {
      frontend = frontend.with("scope", Json.of("internal"));
    }
    Json flags = Json.object("type", Json.of(type(arguments)));
    for (Map.Entry<String, String> policy :
        Map.of(
                "--k8s-ext-traffic-policy",
                "extTrafficPolicy",
                "--k8s-int-traffic-policy",
                "intTrafficPolicy")
            .entrySet()) {
      String value = arguments.find(policy.getKey()).orElse("Cluster");
      if (!value.equals("Cluster") && !value.equals("Local")) {
        throw arguments.wrong(policy.getKey(), "Cluster or Local");
      }
      flags = flags.with(policy.getValue(), Json.of(value));
    }
    Json spec =
        Json.object("id", Json.of(id))
            .with("frontend-address", frontend)
            .with("backend-addresses", backends(arguments))
            .with("flags", flags)
            .with("updateServices", Json.of(true));
    AgentClient.Reply reply = session.agent().send("PUT", "/service/" + id, Map.of(), spec);
    if (!reply.isSuccess()) {
      throw new CommandException("service " + id + ": " + reply.reason());
    }
    int backends = spec.get("backend-addresses").items().size();
    session
        .console()
        .line(
            "%s service with id %d and %d backends"
                .formatted(reply.status() == 201 ? "Added" : "Updated", id, backends));
    return 0;
  }

  private static String type(Arguments arguments) {
    Map<String, String> types =
        Map.of(
            "--k8s-node-port",
            "NodePort",
            "--k8s-external",
            "ExternalIPs",
            "--k8s-host-port",
            "HostPort",
            "--k8s-load-balancer",
            "LoadBalancer",
            "--local-redirect",
            "LocalRedirect");
    List<String> given = types.keySet().stream().filter(arguments::has).sorted().toList();
    if (given.size() > 1) {
      throw arguments.wrong("one service has one type, not " + String.join(" and ", given));
    }
    return given.isEmpty() ? "ClusterIP" : types.getOrDefault(given.getFirst(), "ClusterIP");
  }

  private static Json backends(Arguments arguments) {
    List<String> addresses = arguments.all("--backends");
    List<String> weights = arguments.all("--backend-weights");
    List<String> states = arguments.all("--states");
    for (var perBackend : Map.of("--backend-weights", weights, "--states", states).entrySet()) {
      int size = perBackend.getValue().size();
      if (size > 0 && size != addresses.size()) {
        throw arguments.wrong(
            perBackend.getKey() + ": " + size + " for " + addresses.size() + " backends");
      }
    }
    List<Json> backends = new ArrayList<>();
    for (int i = 0; i < addresses.size(); i++) {
      Json backend = ServiceText.parse(addresses.get(i), false);
      if (!weights.isEmpty()) {
        backend = backend.with("weight", Json.of(id(weights.get(i))));
      }
      backends.add(backend.with("state", Json.of(states.isEmpty() ? "active" : states.get(i))));
    }
    return new Json.Arr(backends);
  }

  private static int delete(Arguments arguments, Session session) throws IOException {
    if (arguments.has("--all") != arguments.operands().isEmpty()) {
      throw arguments.wrong("wanted either an id or --all");
    }
    List<Long> ids = new ArrayList<>();
    if (arguments.has("--all")) {
      session
          .agent()
          .get("/service")
          .items()
          .forEach(each -> ids.add(each.get("spec", "id").number()));
    } else {
      ids.add(id(arguments.operand()));
    }
    int result = 0;
    for (long id : ids) {
      AgentClient.Reply reply =
          session.agent().send("DELETE", "/service/" + id, Map.of(), Json.absent());
      if (reply.isSuccess()) {
        session.console().line("Service " + id + " deleted");
      } else if (ids.size() == 1) {
        throw new CommandException("service " + id + ": " + reply.reason());
      } else {
        // Those of Kubernetes are not deleted here; the others are.
        session.console().line("Service " + id + ": " + reply.reason());
        result = ExitCode.FAILED;
      }
    }
    return result;
  }
}
