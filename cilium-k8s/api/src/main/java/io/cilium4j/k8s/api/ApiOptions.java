// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The options of everything here that asks an API server, by the agent's names of them.
 *
 * <ul>
 *   <li>{@code kubeconfig}: path of a kubeconfig; without it the pod's own service account counts
 *   <li>{@code servers}: where the server is, with commas between them; default what the kubeconfig
 *       or the environment says
 *   <li>{@code qps}, {@code burst}: most requests a second, and at once; default 10 and 20
 *   <li>{@code namespace}: of what has one, such as leases; default that of the account
 * </ul>
 */
public final class ApiOptions {
  /** Path of a kubeconfig. */
  public static final String KUBECONFIG = "kubeconfig";

  /** Where the server is. */
  public static final String SERVERS = "servers";

  /** Most requests a second. */
  public static final String QPS = "qps";

  /** Most requests at once. */
  public static final String BURST = "burst";

  /** Of what has one. */
  public static final String NAMESPACE = "namespace";

  private static final Set<String> KNOWN = Set.of(KUBECONFIG, SERVERS, QPS, BURST, NAMESPACE);

  private static final double MAX_QPS = 100_000;

  private final ApiAccess access;
  private final double qps;
  private final int burst;
  private final String namespace;

  ApiOptions(ApiAccess access, double qps, int burst, String namespace) {
    this.access = access;
    this.qps = qps;
    this.burst = burst;
    this.namespace = namespace;
  }

  /**
   * Reads options.
   *
   * @param own what else whoever asks knows and reads himself
   * @throws IllegalArgumentException if one is wrong or unknown, or there is no server; one line
   */
  public static ApiOptions read(Map<String, String> options, Set<String> own) {
    var unknown = new TreeSet<>(options.keySet());
    unknown.removeAll(KNOWN);
    unknown.removeAll(own);
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException("api-server: options " + unknown + ": not known");
    }
    var servers = new ArrayList<URI>();
    for (String text : options.getOrDefault(SERVERS, "").split("[,\\s]+", -1)) {
      if (!text.isEmpty()) {
        servers.add(server(text));
      }
    }
    String kubeconfig = options.getOrDefault(KUBECONFIG, "");
    try {
      ApiAccess access =
          kubeconfig.isEmpty()
              ? new InCluster(servers, InCluster.FOLDER, System.getenv())
              : new Kubeconfig(Path.of(kubeconfig), servers);
      return new ApiOptions(
          access,
          number(options, QPS, 10),
          (int) number(options, BURST, 20),
          options.getOrDefault(NAMESPACE, ""));
    } catch (IOException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
  }

  private static double number(Map<String, String> options, String key, double byDefault) {
    String text = options.getOrDefault(key, "");
    if (text.isEmpty()) {
      return byDefault;
    }
    if (!text.matches("[0-9]{1,6}(\\.[0-9]{1,6})?")
        || Double.parseDouble(text) > MAX_QPS
        || Double.parseDouble(text) <= 0) {
      throw new IllegalArgumentException(key + ": \"" + text + "\": wanted a number above 0");
    }
    return Double.parseDouble(text);
  }

  static URI server(String text) {
    try {
      URI uri = URI.create(text.contains("://") ? text : "https://" + text);
      if (uri.getHost() != null && Set.of("https", "http").contains(uri.getScheme())) {
        return URI.create(uri.toString().replaceAll("/+$", ""));
      }
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("\"" + text + "\": not an address", e);
    }
    throw new IllegalArgumentException("\"" + text + "\": wanted https://HOST:PORT");
  }

  /** Where the server is, and who we are. */
  ApiAccess access() {
    return access;
  }

  /** Most requests a second. */
  double qps() {
    return qps;
  }

  /** Most requests at once after a pause. */
  int burst() {
    return burst;
  }

  /** What leases and the like are in. */
  public String ownNamespace() {
    return namespace.isEmpty() ? access.namespace() : namespace;
  }

  /** A client, which connects when it is asked for something. */
  public ApiClient connect() {
    return new ApiClient(this);
  }
}
