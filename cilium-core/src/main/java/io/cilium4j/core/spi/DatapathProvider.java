// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import java.nio.file.Path;
import java.util.List;

/** Makes a {@link Datapath}; found by {@link java.util.ServiceLoader}. */
public interface DatapathProvider {

  /** The name under which configuration asks for it: {@code ebpf}, {@code memory}. */
  String name();

  /** Whether it can run here, found out by trying and not by reading version numbers. */
  Availability probe();

  /**
   * Opens the datapath of one instance. State that an earlier process of the same instance left is
   * taken over, and its packets go on without a gap.
   *
   * @throws DatapathException if it cannot; nothing half done is left
   */
  Datapath open(Config config);

  /**
   * Whether an implementation can run.
   *
   * @param usable whether it can
   * @param reason one line: what it will use, or what is missing and how to get it
   */
  record Availability(boolean usable, String reason) {}

  /**
   * What an instance is given.
   *
   * @param instance its name, 1 to 8 of {@code [a-z0-9]}; stands in every device and folder it owns
   * @param runFolder where it keeps files while it runs (manifest, lock)
   * @param nodeAddresses addresses of the node in the instance's pod network: the endpoints' next
   *     hop and the address from which the node itself speaks to them, at most one of a family
   * @param localClusterId the id of our cluster, 0 to 255
   * @param limits how much it may hold
   * @param devices names of the devices that join the node to its networks, where {@code eth+}
   *     stands for all that begin so; empty to find them: those with a global address or a default
   *     route
   * @param podCidrs the prefixes of its endpoints, which it refuses where something else has them;
   *     empty for no such check
   */
  record Config(
      String instance,
      Path runFolder,
      List<IpAddress> nodeAddresses,
      int localClusterId,
      Limits limits,
      List<String> devices,
      List<IpPrefix> podCidrs) {

    /** The instance name of an agent that was given none. */
    public static final String DEFAULT_INSTANCE = "cilium4j";

    public Config {
      if (!instance.matches("[a-z0-9]{1,8}")) {
        throw new IllegalArgumentException(
            "instance \"" + instance + "\": wanted 1 to 8 of a-z and 0-9");
      }
      if (localClusterId < 0 || localClusterId > 255) {
        throw new IllegalArgumentException("cluster id " + localClusterId + ": wanted 0 to 255");
      }
      nodeAddresses = List.copyOf(nodeAddresses);
      devices = List.copyOf(devices);
      podCidrs = List.copyOf(podCidrs);
    }

    /**
     * An instance that finds the devices by itself, and does not say which prefixes its pods have.
     */
    public Config(
        String instance,
        Path runFolder,
        List<IpAddress> nodeAddresses,
        int localClusterId,
        Limits limits) {
      this(instance, runFolder, nodeAddresses, localClusterId, limits, List.of(), List.of());
    }
  }

  /**
   * The bounds of an instance.
   *
   * @param policyEntries policy entries of all endpoints together
   * @param ipcacheEntries prefixes
   * @param conntrackEntries flows of each address family
   */
  record Limits(int policyEntries, int ipcacheEntries, int conntrackEntries) {
    /**
     * 262,144 policy entries (16 bytes of bucket each at once, about 100 more when used), 65,536
     * prefixes, 131,072 flows a family (about 120 bytes each, taken at once: 16 MB a family).
     */
    public static final Limits DEFAULT = new Limits(262_144, 65_536, 131_072);
  }
}
