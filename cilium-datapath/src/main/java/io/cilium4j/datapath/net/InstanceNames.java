// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathProvider.Config;
import java.util.List;

/**
 * The names of the devices and folders that one instance owns. Several agents run on one machine,
 * each under an instance of its own; the first has the field's names.
 *
 * <pre>
 *   instance   node devices                             pod 5's device   folder of pins
 *   cilium4j   cilium_host, cilium_net, cilium_vxlan    lxc5             cilium4j
 *   blue       blue_host, blue_net, blue_vxlan          blue_5           cilium4j-blue
 * </pre>
 *
 * <p>{@code cilium_proxy}, or {@code blue_proxy}, leads to the proxy's network.
 *
 * @param instance 1 to 8 of a-z and 0-9, as {@link Config} checks
 */
public record InstanceNames(String instance) {

  /** The device that the pods' prefixes are routed to. */
  public String hostDevice() {
    return isDefault() ? "cilium_host" : instance + "_host";
  }

  /** Its twin, where what the node sends to pods comes in. */
  public String netDevice() {
    return isDefault() ? "cilium_net" : instance + "_net";
  }

  /** The tunnel to other nodes. */
  public String tunnelDevice() {
    return isDefault() ? "cilium_vxlan" : instance + "_vxlan";
  }

  /** The device that leads to the proxy's network. */
  public String proxyDevice() {
    return isDefault() ? "cilium_proxy" : instance + "_proxy";
  }

  /** Whether a device is named as one that the instance has on the node and that is no pod's. */
  public boolean isNodeDevice(String device) {
    return List.of(hostDevice(), netDevice(), tunnelDevice(), proxyDevice()).contains(device);
  }

  /** The device of an endpoint on the node's side. */
  public String podDevice(int endpointId) {
    return (isDefault() ? "lxc" : instance + "_") + endpointId;
  }

  /** Whether a device is named as those are that the instance makes for endpoints. */
  public boolean isPodDevice(String device) {
    String prefix = isDefault() ? "lxc" : instance + "_";
    return device.startsWith(prefix) && device.substring(prefix.length()).matches("[0-9]{1,5}");
  }

  /** The instance's folder in the bpf file system. */
  public String pinFolder() {
    return isDefault() ? Config.DEFAULT_INSTANCE : Config.DEFAULT_INSTANCE + "-" + instance;
  }

  private boolean isDefault() {
    return instance.equals(Config.DEFAULT_INSTANCE);
  }
}
