// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Finds the operation of a request. A path is written as the API's description has it, {@code
 * /endpoint/{id}/log}, and is below the API's own, {@code /v1}; a segment that is written out goes
 * before one that stands for a parameter.
 */
final class Router {

  /** What answers a request; may wait. */
  @FunctionalInterface
  interface Operation {
    Response answer(Request request) throws Exception;
  }

  private record Route(String method, List<String> pattern, Operation operation) {

    String path() {
      return "/" + String.join("/", pattern);
    }

    Optional<Map<String, String>> match(List<String> segments) {
      if (segments.size() != pattern.size()) {
        return Optional.empty();
      }
      Map<String, String> named = new LinkedHashMap<>();
      for (int i = 0; i < pattern.size(); i++) {
        String wanted = pattern.get(i);
        if (isParameter(wanted)) {
          named.put(wanted.substring(1, wanted.length() - 1), segments.get(i));
        } else if (!wanted.equals(segments.get(i))) {
          return Optional.empty();
        }
      }
      return Optional.of(named);
    }

    boolean isBefore(Route other) {
      for (int i = 0; i < Math.min(pattern.size(), other.pattern.size()); i++) {
        boolean mine = isParameter(pattern.get(i));
        if (mine != isParameter(other.pattern.get(i))) {
          return !mine;
        }
      }
      return false;
    }

    private static boolean isParameter(String segment) {
      return segment.startsWith("{");
    }
  }

  private final String base;
  private final List<Route> routes = new ArrayList<>();

  private Optional<Operation> otherwise = Optional.empty();

  /** Without an operation yet; they are below this path. */
  Router(String base) {
    this.base = base;
  }

  /** Adds an operation. */
  Router add(String method, String path, Operation operation) {
    return addOutside(method, base + path, operation);
  }

  /** Adds an operation whose path does not begin with that of the others. */
  Router addOutside(String method, String path, Operation operation) {
    var route = new Route(method, segments(path), operation);
    int at = 0;
    while (at < routes.size() && !route.isBefore(routes.get(at))) {
      at++;
    }
    routes.add(at, route);
    return this;
  }

  /** What answers a request that is no operation, in place of a refusal. */
  Router otherwise(Operation operation) {
    this.otherwise = Optional.of(operation);
    return this;
  }

  private static List<String> segments(String path) {
    return List.of(path.split("/", -1)).stream().filter(each -> !each.isEmpty()).toList();
  }

  /** The path of a request's operation with its parameters' names; absent if it is none. */
  Optional<String> pathOf(Request request) {
    return routes.stream()
        .filter(route -> route.method().equals(request.method()))
        .filter(route -> route.match(request.segments()).isPresent())
        .map(Route::path)
        .findFirst();
  }

  /**
   * The answer to a request.
   *
   * @throws Refusal if it is no operation, or the operation refuses
   */
  Response answer(Request request) throws Exception {
    boolean pathKnown = false;
    for (Route route : routes) {
      Optional<Map<String, String>> named = route.match(request.segments());
      if (named.isPresent()) {
        if (route.method().equals(request.method())) {
          return route.operation().answer(request.withNamed(named.get()));
        }
        pathKnown = true;
      }
    }
    if (otherwise.isPresent()) {
      return otherwise.get().answer(request);
    }
    throw pathKnown
        ? new Refusal(405, "method " + request.method() + ": not one of this path's")
        : new Refusal(404, "path: no such operation");
  }
}
