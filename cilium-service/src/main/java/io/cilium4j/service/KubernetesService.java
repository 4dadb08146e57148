// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.documents.Trees;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * A Service of Kubernetes that has addresses, or a pod at whose ports its node is asked. Several
 * may claim one address: services stand in the order of their age, then of their names, pods come
 * last, and the first has it.
 *
 * @param createdAt when it was made, as Kubernetes writes it; empty where nobody says
 * @param addresses its ClusterIPs, at most one of a family
 * @param affinitySeconds for how long a client keeps its backend; 0 if it does not
 * @param externalPolicy its external traffic policy, {@code Cluster} or {@code Local}
 * @param isLocal whether only backends of the client's own node are asked
 * @param external how those outside ask it
 */
public record KubernetesService(
    ResourceKey key,
    String createdAt,
    List<IpAddress> addresses,
    List<ServicePort> ports,
    int affinitySeconds,
    String externalPolicy,
    boolean isLocal,
    ExternalAccess external)
    implements FrontendOwner, Comparable<KubernetesService> {

  /** The kind that is read. */
  static final String KIND = "Service";

  private static final Comparator<KubernetesService> ORDER =
      Comparator.<KubernetesService, Boolean>comparing(each -> !each.key.kind().equals(KIND))
          .thenComparing(each -> each.createdAt.isEmpty())
          .thenComparing(KubernetesService::createdAt)
          .thenComparing(KubernetesService::key);

  /** What an address of a service without addresses is. */
  private static final String HEADLESS = "None";

  /** Labels of services that are another program's to balance, or nobody's. */
  private static final List<String> OTHERS =
      List.of("service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless");

  /** Kubernetes' default, three hours, and its bound, a day. */
  private static final int DEFAULT_AFFINITY_SECONDS = 10_800;

  private static final int MAX_AFFINITY_SECONDS = 86_400;

  private static final String LOCAL = "Local";

  public KubernetesService {
    addresses = List.copyOf(addresses);
    ports = List.copyOf(ports);
  }

  @Override
  public int compareTo(KubernetesService other) {
    return ORDER.compare(this, other);
  }

  @Override
  public String toString() {
    return key.toString();
  }

  /** Whether those outside are led to backends of the node that they ask, and to no others. */
  public boolean isExternallyLocal() {
    return externalPolicy.equals(LOCAL);
  }

  /** Whether it has an address to itself: nothing else is asked there. */
  public boolean owns(IpAddress address) {
    return addresses.contains(address);
  }

  /** The service of an object; absent if it has no address, or is not ours to balance. */
  static Optional<KubernetesService> read(RawResource raw, ObjectProblems problems) {
    Object object = raw.object();
    boolean isOthers =
        OTHERS.stream().anyMatch(label -> Trees.at(object, "metadata", "labels", label) != null);
    if (isOthers || Trees.text(object, "spec", "type").equals("ExternalName")) {
      return Optional.empty();
    }
    List<IpAddress> addresses = addresses(object, problems);
    if (addresses.isEmpty()) {
      return Optional.empty();
    }
    List<ServicePort> ports =
        ServicePort.read(
            Trees.items(object, "spec", "ports"),
            "spec.ports",
            port -> port.port() + "/" + port.protocol(),
            problems);
    String external = Trees.text(object, "spec", "externalTrafficPolicy");
    return Optional.of(
        new KubernetesService(
            raw.key(),
            Trees.text(object, "metadata", "creationTimestamp"),
            addresses,
            ports,
            affinity(object, problems),
            external.equals(LOCAL) ? LOCAL : "Cluster",
            Trees.text(object, "spec", "internalTrafficPolicy").equals(LOCAL),
            ExternalAccess.read(object, addresses, problems)));
  }

  private static List<IpAddress> addresses(Object object, ObjectProblems problems) {
    List<?> all = Trees.items(object, "spec", "clusterIPs");
    if (all.isEmpty()) {
      all = List.of(Trees.text(object, "spec", "clusterIP"));
    }
    List<IpAddress> addresses = new ArrayList<>();
    for (Object item : all) {
      if (HEADLESS.equals(item) || "".equals(item)) {
        continue; // It has none, or none yet.
      }
      Optional<IpAddress> address =
          item instanceof String text ? IpAddress.tryParse(text) : Optional.empty();
      String unfit = address.map(UnfitAddresses::ofFrontend).orElse("no address");
      if (unfit.isEmpty()
          && addresses.stream().anyMatch(each -> each.family() == address.get().family())) {
        unfit = "a second one of its family";
      }
      if (unfit.isEmpty()) {
        addresses.add(address.get());
      } else {
        problems.add("spec.clusterIPs " + item + ": " + unfit);
      }
    }
    return addresses;
  }

  private static int affinity(Object object, ObjectProblems problems) {
    if (!Trees.text(object, "spec", "sessionAffinity").equals("ClientIP")) {
      return 0;
    }
    Object seconds =
        Trees.at(object, "spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds");
    if (seconds instanceof Integer given && given >= 1 && given <= MAX_AFFINITY_SECONDS) {
      return given;
    }
    if (seconds != null) {
      problems.add(
          "spec.sessionAffinityConfig.clientIP.timeoutSeconds "
              + seconds
              + ": wanted 1 to "
              + MAX_AFFINITY_SECONDS
              + "; it is "
              + DEFAULT_AFFINITY_SECONDS);
    }
    return DEFAULT_AFFINITY_SECONDS;
  }
}
