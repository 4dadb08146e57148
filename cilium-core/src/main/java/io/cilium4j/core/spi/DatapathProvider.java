// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ProxyListeners;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

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
   * Whether something of an instance goes on enforcing although no process of it runs, as far as a
   * look tells that changes nothing. False for what ends with its process.
   *
   * @param instance its name
   */
  default boolean outlivesProcess(String instance) {
    return false;
  }

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
   * @param currentPodCidrs tells the prefixes of its endpoints at the moment, which it refuses at
   *     the start, and reports later, where something else has them; none for no such check
   * @param routing how packets for pods of other nodes travel
   * @param listeners the proxy's listeners, to which redirects lead; without any there is no place
   *     for a proxy ({@link Datapath#proxyPlace})
   * @param cgroupRoot the control group (version 2) whose processes reach services as the node
   *     does; empty to find the root
   * @param noBackendResponse what becomes of packets to services that cannot serve
   * @param tracing which of the packets that pass are reported
   * @param hostFirewall whether the node itself is restricted, by the row of {@link
   *     io.cilium4j.core.Endpoint#HOST_ID}
   */
  record Config(
      String instance,
      Path runFolder,
      List<IpAddress> nodeAddresses,
      int localClusterId,
      Limits limits,
      List<String> devices,
      Supplier<List<IpPrefix>> currentPodCidrs,
      Routing routing,
      ProxyListeners listeners,
      Optional<Path> cgroupRoot,
      NoBackendResponse noBackendResponse,
      Tracing tracing,
      boolean hostFirewall) {

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
    }

    /** The prefixes of its endpoints at the moment. */
    public List<IpPrefix> podCidrs() {
      return currentPodCidrs.get();
    }

    /**
     * Begins with what has to be said. Of the rest each has a default: no address of the node,
     * cluster 0, {@link Limits#DEFAULT}, devices that are found, no check of prefixes, {@link
     * Routing#NETWORK}, no proxy, the root of the control groups, {@link NoBackendResponse#REJECT},
     * {@link Tracing#CHANGES}, no host firewall.
     */
    public static Builder builder(String instance, Path runFolder) {
      return new Builder(instance, runFolder);
    }

    /** Makes a {@link Config}; its methods say what the components of that name mean. */
    public static final class Builder {
      private final String instance;
      private final Path runFolder;
      private List<IpAddress> nodeAddresses = List.of();
      private int localClusterId;
      private Limits limits = Limits.DEFAULT;
      private List<String> devices = List.of();
      private Supplier<List<IpPrefix>> podCidrs = List::of;
      private Routing routing = Routing.NETWORK;
      private ProxyListeners listeners = ProxyListeners.NONE;
      private Optional<Path> cgroupRoot = Optional.empty();
      private NoBackendResponse noBackendResponse = NoBackendResponse.REJECT;
      private Tracing tracing = Tracing.CHANGES;
      private boolean hostFirewall;

      private Builder(String instance, Path runFolder) {
        this.instance = instance;
        this.runFolder = runFolder;
      }

      public Builder nodeAddresses(List<IpAddress> value) {
        nodeAddresses = value;
        return this;
      }

      public Builder nodeAddresses(IpAddress... values) {
        return nodeAddresses(List.of(values));
      }

      public Builder localClusterId(int value) {
        localClusterId = value;
        return this;
      }

      public Builder limits(Limits value) {
        limits = value;
        return this;
      }

      public Builder devices(List<String> value) {
        devices = value;
        return this;
      }

      public Builder podCidrs(List<IpPrefix> value) {
        List<IpPrefix> copy = List.copyOf(value);
        return currentPodCidrs(() -> copy);
      }

      public Builder currentPodCidrs(Supplier<List<IpPrefix>> value) {
        podCidrs = value;
        return this;
      }

      public Builder routing(Routing value) {
        routing = value;
        return this;
      }

      public Builder listeners(ProxyListeners value) {
        listeners = value;
        return this;
      }

      public Builder cgroupRoot(Path value) {
        cgroupRoot = Optional.of(value);
        return this;
      }

      public Builder noBackendResponse(NoBackendResponse value) {
        noBackendResponse = value;
        return this;
      }

      public Builder tracing(Tracing value) {
        tracing = value;
        return this;
      }

      public Builder hostFirewall(boolean value) {
        hostFirewall = value;
        return this;
      }

      /**
       * Makes it.
       *
       * @throws IllegalArgumentException if one of them cannot be
       */
      public Config build() {
        return new Config(
            instance,
            runFolder,
            nodeAddresses,
            localClusterId,
            limits,
            devices,
            podCidrs,
            routing,
            listeners,
            cgroupRoot,
            noBackendResponse,
            tracing,
            hostFirewall);
      }
    }
  }

  /**
   * What becomes of a packet to a service without backends, or to a port of a service's address
   * that is no service's ({@code service-no-backend-response}).
   */
  enum NoBackendResponse {
    /**
     * It is dropped, and its sender told: TCP by a reset, UDP and SCTP by an ICMP error. A process
     * of the node gets {@code ECONNREFUSED}.
     */
    REJECT,
    /** It is dropped. A process of the node gets {@code EPERM}. */
    DROP
  }

  /**
   * Which of the packets that pass are reported, beside those with which a flow begins, is answered
   * for the first time, and ends ({@code monitor-aggregation}).
   *
   * @param everyPacket whether all are, as far as the limit of events lets them
   * @param intervalSeconds how often a flow that goes on is reported again, in seconds; 0 for never
   * @param mostInASecond how many events of a kind are reported in a second, drops and verdicts
   *     too: those of one endpoint, peer and reason
   */
  record Tracing(boolean everyPacket, int intervalSeconds, int mostInASecond) {

    /** So many that each flow of a usual pod shows, and a flood does not drown them. */
    public static final int MOST_IN_A_SECOND = 100;

    /** No others. */
    public static final Tracing CHANGES = each(0);

    /** All of them. */
    public static final Tracing EVERYTHING = new Tracing(true, 0, MOST_IN_A_SECOND);

    public Tracing {
      if (intervalSeconds < 0 || mostInASecond < 1) {
        throw new IllegalArgumentException(
            "interval " + intervalSeconds + ", events " + mostInASecond + ": wanted more");
      }
    }

    /** One of each flow that goes on, in each interval. */
    public static Tracing each(int intervalSeconds) {
      return new Tracing(false, intervalSeconds, MOST_IN_A_SECOND);
    }
  }

  /**
   * How packets for pods of other nodes travel.
   *
   * @param tunnel the tunnels between nodes; absent where pods' packets travel as they are ({@code
   *     routing-mode=native})
   * @param directRoutes without tunnels, whether the node has a route to each other node's pods
   *     ({@code auto-direct-node-routes}); nodes must be neighbours then
   */
  record Routing(Optional<Tunnel> tunnel, boolean directRoutes) {

    /** The network's own routes know where pods are, or there is no other node. */
    public static final Routing NETWORK = new Routing(Optional.empty(), false);

    /** Each node is the next hop to its pods. */
    public static final Routing DIRECT = new Routing(Optional.empty(), true);

    /** Through tunnels. */
    public static Routing through(Tunnel tunnel) {
      return new Routing(Optional.of(tunnel), false);
    }
  }

  /**
   * Tunnels between nodes: VXLAN, whose key is the sender's identity.
   *
   * @param port the UDP port at which every node listens, 1 to 65535
   * @param underlay the family of the addresses by which nodes reach each other
   */
  record Tunnel(int port, IpFamily underlay) {

    /** The port that Linux has for VXLAN, and Cilium too. */
    public static final int DEFAULT_PORT = 8472;

    public Tunnel {
      if (port < 1 || port > 65_535) {
        throw new IllegalArgumentException("tunnel port " + port + ": wanted 1 to 65535");
      }
    }

    /** What a tunnel adds to each packet: inner Ethernet, VXLAN, UDP and IP headers. */
    public int overheadBytes() {
      return underlay == IpFamily.IPV4 ? 50 : 70;
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
