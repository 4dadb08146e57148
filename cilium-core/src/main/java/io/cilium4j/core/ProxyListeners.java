// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Map;

/**
 * The listeners of this node's proxies: a policy names them, and a datapath sends packets to their
 * ports.
 *
 * @param ports listener to port, in host order, 1 to 65535
 */
public record ProxyListeners(Map<String, Integer> ports) {

  /** There is no proxy: every redirect is denied. */
  public static final ProxyListeners NONE = new ProxyListeners(Map.of());

  public ProxyListeners {
    ports = Map.copyOf(ports);
    ports.forEach((listener, port) -> {
      if (listener.isEmpty() || port < 1 || port > 0xffff) {
        throw new IllegalArgumentException(
            "listener \"" + listener + "\" at port " + port + ": wanted a name and 1 to 65535");
      }
    });
  }

  /**
   * The port to which the packets of a redirect go, or 0 where its listener is not there.
   *
   * <p>What a datapath does with 0 is the same in all of them: the entry denies, with the reason
   * {@link DropReason#POLICY_DENIED}, as if there were none. To pass the packet on would be to
   * ignore what the rule asks of the requests inside. An endpoint whose policy is audited passes
   * and reports it, as any other denial. The eBPF datapath asks when it writes the entry ({@code
   * proxy_port} in {@code lib/policy.h}), the memory datapath at each look-up.
   */
  public int portOf(PolicyEntry redirect) {
    return ports.getOrDefault(redirect.listener(), 0);
  }
}
