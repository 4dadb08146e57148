// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.manifest;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Which kinds are read, in which group and versions, and which others are so like them that their
 * author believes they are read too: such a one is an error, since a policy that is passed over is
 * one that is not in force.
 */
public final class Kinds {

  /**
   * A kind that is read.
   *
   * @param group its API group; empty for the core one
   * @param versions the versions that are read; empty for any
   */
  record Kind(String group, Set<String> versions, boolean isNamespaced) {
    /** Group and version as a manifest has them, the newest. */
    private String wanted() {
      String version = versions.stream().max(Comparator.naturalOrder()).orElse("v1");
      return group.isEmpty() ? version : group + "/" + version;
    }
  }

  private static final String CILIUM = "cilium.io";
  private static final String NETWORKING = "networking.k8s.io";
  private static final String CLUSTER_POLICY = "policy.networking.k8s.io";
  private static final String DISCOVERY = "discovery.k8s.io";

  /** Groups in which an unknown kind is an error. */
  private static final Set<String> GROUPS = Set.of(CILIUM, NETWORKING, CLUSTER_POLICY, DISCOVERY);

  private static final Map<String, Kind> READ =
      Map.ofEntries(
          Map.entry("Pod", new Kind("", Set.of("v1"), true)),
          Map.entry("Namespace", new Kind("", Set.of("v1"), false)),
          Map.entry("Node", new Kind("", Set.of("v1"), false)),
          Map.entry("Service", new Kind("", Set.of("v1"), true)),
          Map.entry("EndpointSlice", new Kind(DISCOVERY, Set.of(), true)),
          Map.entry("NetworkPolicy", new Kind(NETWORKING, Set.of("v1"), true)),
          Map.entry("Ingress", new Kind(NETWORKING, Set.of(), true)),
          Map.entry("IngressClass", new Kind(NETWORKING, Set.of(), false)),
          Map.entry("ClusterNetworkPolicy", new Kind(CLUSTER_POLICY, Set.of("v1alpha2"), false)),
          Map.entry("CiliumNode", new Kind(CILIUM, Set.of("v2"), false)),
          Map.entry("CiliumNetworkPolicy", new Kind(CILIUM, Set.of("v2"), true)),
          Map.entry("CiliumClusterwideNetworkPolicy", new Kind(CILIUM, Set.of("v2"), false)),
          Map.entry("CiliumCIDRGroup", new Kind(CILIUM, Set.of("v2", "v2alpha1"), false)));

  /** Other kinds of Cilium's group, which go on as text: those of a namespace, and the others. */
  private static final Set<String> CILIUM_NAMESPACED =
      Set.of(
          "CiliumEndpoint",
          "CiliumEnvoyConfig",
          "CiliumGatewayClassConfig",
          "CiliumLocalRedirectPolicy",
          "CiliumNodeConfig");

  private static final Set<String> CILIUM_CLUSTER_SCOPED =
      Set.of(
          "CiliumBGPAdvertisement",
          "CiliumBGPClusterConfig",
          "CiliumBGPNodeConfig",
          "CiliumBGPNodeConfigOverride",
          "CiliumBGPPeerConfig",
          "CiliumBGPPeeringPolicy",
          "CiliumClusterwideEnvoyConfig",
          "CiliumEgressGatewayPolicy",
          "CiliumEndpointSlice",
          "CiliumExternalWorkload",
          "CiliumIdentity",
          "CiliumL2AnnouncementPolicy",
          "CiliumLoadBalancerIPPool",
          "CiliumPodIPPool");

  /** The core group's own kinds that need not be read, one of which is like another by its name. */
  private static final Set<String> CORE_PASSED_OVER =
      Set.of("Binding", "ConfigMap", "Endpoints", "Event", "LimitRange", "Secret");

  /** How many letters may be wrong in a word that is yet known again. */
  private static final int MAX_TYPOS = 2;

  /** Shortest word of which that many letters are few. */
  private static final int MIN_TYPO_CHARS = 7;

  private Kinds() {}

  /** Whether an object of the kind belongs to a namespace; so does one of an unknown kind. */
  public static boolean isNamespaced(String kind) {
    Kind known = READ.get(kind);
    return known == null ? !CILIUM_CLUSTER_SCOPED.contains(kind) : known.isNamespaced();
  }

  /**
   * Whether objects of the kind are read.
   *
   * @return false if it is one of somebody else's
   * @throws ManifestException if it is one of ours but for the version, or a mistake
   */
  static boolean isRead(String apiVersion, String kind) throws ManifestException {
    int slash = apiVersion.indexOf('/');
    String group = slash < 0 ? "" : apiVersion.substring(0, slash);
    String version = apiVersion.substring(slash + 1);
    Kind known = READ.get(kind);
    if (known == null) {
      if (group.equals(CILIUM)
          && (CILIUM_NAMESPACED.contains(kind) || CILIUM_CLUSTER_SCOPED.contains(kind))) {
        return true;
      }
      refuseLookalike(group, apiVersion, kind);
      return false;
    }
    if (!group.equals(known.group()) && isSomebodyElses(group, kind)) {
      return false;
    }
    if (!group.equals(known.group())
        || !(known.versions().isEmpty() || known.versions().contains(version))) {
      throw new ManifestException(
          "apiVersion \"" + apiVersion + "\": wanted " + known.wanted() + " for a " + kind);
    }
    return true;
  }

  /** Names that other groups use for things of their own, as Knative does {@code Service}. */
  private static boolean isSomebodyElses(String group, String kind) {
    return Set.of("Service", "Ingress", "IngressClass", "EndpointSlice").contains(kind)
        && !isLike(group, GROUPS);
  }

  private static void refuseLookalike(String group, String apiVersion, String kind)
      throws ManifestException {
    if (group.isEmpty() && CORE_PASSED_OVER.contains(kind)) {
      return;
    }
    Optional<String> meant =
        Stream.of(READ.keySet(), CILIUM_NAMESPACED, CILIUM_CLUSTER_SCOPED)
            .flatMap(Set::stream)
            .filter(each -> isLike(kind, Set.of(each)))
            .min(Comparator.comparingInt(each -> typos(each, kind)));
    if (meant.isPresent()) {
      throw new ManifestException(
          "kind \"" + kind + "\": not read; was " + meant.get() + " meant?");
    }
    if (isLike(group, GROUPS) || group.contains("cilium") || kind.endsWith("NetworkPolicy")) {
      throw new ManifestException(
          "kind \"" + kind + "\" of apiVersion \"" + apiVersion + "\": not read by this version");
    }
  }

  private static boolean isLike(String word, Set<String> known) {
    String lower = word.toLowerCase(Locale.ROOT);
    for (String each : known) {
      String name = each.toLowerCase(Locale.ROOT);
      boolean isPlural = lower.equals(name + "s") || lower.equals(name + "list");
      boolean isTypo = word.length() >= MIN_TYPO_CHARS && typos(lower, name) <= MAX_TYPOS;
      if (lower.equals(name) || isPlural || isTypo) {
        return true;
      }
    }
    return false;
  }

  /** Letters to insert, delete or replace until one word is the other (Levenshtein). */
  private static int typos(String one, String other) {
    if (Math.abs(one.length() - other.length()) > MAX_TYPOS) {
      return MAX_TYPOS + 1;
    }
    int[] row = new int[other.length() + 1];
    for (int j = 0; j < row.length; j++) {
      row[j] = j;
    }
    for (int i = 1; i <= one.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j < row.length; j++) {
        int replaced = diagonal + (one.charAt(i - 1) == other.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, Math.min(row[j], row[j - 1]) + 1);
      }
    }
    return row[other.length()];
  }

  /** The kinds that have tables of their own. */
  public static final List<String> TYPED = List.of("Pod", "Namespace", "Node", "CiliumNode");
}
