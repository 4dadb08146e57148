// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which parts of kube-proxy's work the agent does.
 *
 * @param mode one of {@code Disabled}, {@code Strict}, {@code Probe}, {@code Partial}, {@code
 *     True}, {@code False}
 */
public record KubeProxyReplacement(
    String mode,
    List<String> devices,
    List<Device> deviceList,
    String directRoutingDevice,
    @Nullable Features features) {
  public KubeProxyReplacement {
    mode = Absent.text(mode);
    devices = Absent.list(devices);
    deviceList = Absent.list(deviceList);
    directRoutingDevice = Absent.text(directRoutingDevice);
  }

  /** Begins one with nothing in it. */
  public static Builder builder() {
    return new Builder();
  }

  /** Puts one together; what is not set is absent. */
  public static final class Builder {
    private String mode = "";
    private List<String> devices = List.of();
    private List<Device> deviceList = List.of();
    private String directRoutingDevice = "";
    private @Nullable Features features;

    private Builder() {}

    public Builder mode(String value) {
      mode = value;
      return this;
    }

    public Builder devices(List<String> value) {
      devices = value;
      return this;
    }

    public Builder deviceList(List<Device> value) {
      deviceList = value;
      return this;
    }

    public Builder directRoutingDevice(String value) {
      directRoutingDevice = value;
      return this;
    }

    public Builder features(@Nullable Features value) {
      features = value;
      return this;
    }

    public KubeProxyReplacement build() {
      return new KubeProxyReplacement(mode, devices, deviceList, directRoutingDevice, features);
    }
  }

  /** A device on which services are served. */
  public record Device(String name, List<String> ip) {
    public Device {
      name = Absent.text(name);
      ip = Absent.list(ip);
    }
  }

  /** The parts, one by one. */
  public record Features(
      @Nullable NodePort nodePort,
      @Nullable HostPort hostPort,
      @Nullable ExternalIPs externalIPs,
      @Nullable HostReachableServices hostReachableServices,
      @Nullable SocketLB socketLB,
      @Nullable SessionAffinity sessionAffinity,
      @Nullable GracefulTermination gracefulTermination,
      @Nullable Nat46X64 nat46X64,
      @Nullable SocketLBTracing socketLBTracing,
      boolean bpfSocketLBHostnsOnly) {

    /**
     * Services on a port of the node.
     *
     * @param mode one of {@code SNAT}, {@code DSR}, {@code Hybrid}
     * @param dsrMode one of {@code IP Option/Extension}, {@code IPIP}, {@code Geneve}
     * @param algorithm one of {@code Random}, {@code Maglev}
     * @param acceleration one of {@code None}, {@code Native}, {@code Generic}, {@code Best-Effort}
     */
    public record NodePort(
        boolean enabled,
        String mode,
        String dsrMode,
        String algorithm,
        String acceleration,
        long portMin,
        long portMax,
        long lutSize) {
      public NodePort {
        mode = Absent.text(mode);
        dsrMode = Absent.text(dsrMode);
        algorithm = Absent.text(algorithm);
        acceleration = Absent.text(acceleration);
      }
    }

    /** Container ports on a port of the node. */
    public record HostPort(boolean enabled) {}

    /** Services on external addresses. */
    public record ExternalIPs(boolean enabled) {}

    /** Services as the node's own processes reach them. */
    public record HostReachableServices(boolean enabled, List<String> protocols) {
      public HostReachableServices {
        protocols = Absent.list(protocols);
      }
    }

    /** Services resolved when a socket connects. */
    public record SocketLB(boolean enabled) {}

    /** Services that stay with a client's backend. */
    public record SessionAffinity(boolean enabled) {}

    /** Backends that end without breaking flows. */
    public record GracefulTermination(boolean enabled) {}

    /** Translation between the families. */
    public record Nat46X64(boolean enabled, @Nullable Service service, @Nullable Gateway gateway) {

      /** Translation for services. */
      public record Service(boolean enabled) {}

      /** Translation for prefixes. */
      public record Gateway(boolean enabled, List<String> prefixes) {
        public Gateway {
          prefixes = Absent.list(prefixes);
        }
      }
    }

    /** Reports of services resolved at the socket. */
    public record SocketLBTracing(boolean enabled) {}
  }
}
