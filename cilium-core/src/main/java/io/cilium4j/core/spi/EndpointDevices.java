// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import java.util.List;
import java.util.Optional;

/**
 * The network devices of endpoints: made, taken over and given up. A device without a row passes
 * nothing.
 *
 * <p>Safe for use by several threads.
 */
public interface EndpointDevices {

  /**
   * Makes the devices that join a network namespace to the node, with addresses and routes on the
   * endpoint's side. The endpoint's packets are dropped until {@link Datapath#apply} brings its
   * row.
   *
   * @param request what to make; the namespace must exist
   * @throws DatapathException if it cannot; nothing half made is left
   */
  EndpointInterface connect(ConnectRequest request);

  /**
   * Takes over a pair of devices that somebody else made, as a CNI plugin does: from now on the
   * endpoint's packets are this datapath's business, and the pair goes with {@link #disconnect}.
   * The endpoint's side, with its addresses and routes, stays as it is. The endpoint's packets are
   * dropped until {@link Datapath#apply} brings its row.
   *
   * @return the devices as the kernel has them
   * @throws DatapathException if there is no such pair, or this datapath takes over none; the
   *     devices are left as they were
   */
  default EndpointInterface adopt(AdoptRequest request) {
    throw new DatapathException(
        "device "
            + request.device().hostName()
            + ": this datapath takes over no devices that others made");
  }

  /** Removes the endpoint's devices; no error if they are gone. */
  void disconnect(EndpointInterface device);

  /**
   * Takes back what {@link #adopt} did, for an endpoint that came to nothing: the pair is its
   * maker's again. It is down, since nobody decides about its packets any more; no error if it is
   * gone.
   */
  default void release(EndpointInterface device) {
    // Nothing to take back where adopt takes over none.
  }

  /**
   * Gives endpoints' devices another MTU at both ends, because that of the node's network is
   * another one now: those that have the former one, or a larger one than they may have now. One
   * that was given a smaller one on purpose keeps it.
   *
   * @param formerBytes 0 if it is not known
   * @param mtuBytes largest packet, 1280 to 65535
   * @return those that stayed as they are since one end cannot be reached
   */
  default List<EndpointInterface> setMtu(
      List<EndpointInterface> devices, int formerBytes, int mtuBytes) {
    return List.of();
  }

  /** Whether the endpoint's devices are there; a pod that ended took them along. */
  boolean holds(EndpointInterface device);

  /**
   * What of an endpoint's devices is not as {@link #connect} makes them, one line each: the pair,
   * and on the endpoint's side its name and addresses.
   *
   * @param made what was asked for; the namespace's path may have changed
   */
  default List<String> examine(EndpointInterface device, ConnectRequest made) {
    return holds(device) ? List.of() : List.of("device " + device.hostName() + " is gone");
  }

  /**
   * The pair of which one end has this name in a namespace and the other is on the node; absent if
   * there is none, or this datapath takes over none.
   */
  default Optional<EndpointInterface> pairOf(String netns, String podDeviceName) {
    return Optional.empty();
  }

  /**
   * Which devices to make.
   *
   * @param endpointId the endpoint's id, from which device names are made
   * @param netns path of the endpoint's network namespace, for example {@code /run/netns/x}
   * @param podDeviceName name of the device inside, usually {@code eth0}
   * @param addresses the endpoint's addresses, at most one of a family
   * @param mtuBytes largest packet, 1280 to 65535
   */
  record ConnectRequest(
      int endpointId, String netns, String podDeviceName, List<IpAddress> addresses, int mtuBytes) {
    public ConnectRequest {
      addresses = List.copyOf(addresses);
    }
  }

  /**
   * Which devices to take over.
   *
   * @param endpointId the endpoint's id
   * @param device the pair, as whoever made it describes it
   * @param addresses the endpoint's addresses, at most one of a family
   */
  record AdoptRequest(int endpointId, EndpointInterface device, List<IpAddress> addresses) {
    public AdoptRequest {
      addresses = List.copyOf(addresses);
    }
  }
}
