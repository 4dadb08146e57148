// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.api.model.Service;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Table;
import java.util.List;
import java.util.Optional;

/**
 * The services of the agent's node: those of Kubernetes, which has them from its own objects, and
 * those that clients of the API, or the program, put here. Each frontend has a number of its own, 1
 * to 65535.
 *
 * <p>Safe for use by several threads.
 */
public interface AgentServices {

  /** All frontends by number. What is realised of each is what the datapath holds of it now. */
  List<Service> all();

  /** The frontend of a number. */
  Optional<Service> get(long number);

  /** What the datapath is to hold. */
  Table<RowKey, Row> frontends();

  /** Whether the datapath has a place for services; else they are kept and nothing more. */
  boolean areCarriedOut();

  /** Whether the node's own processes reach them, too. */
  boolean areForNodeProcesses();

  /**
   * Puts a service, and waits until the datapath holds it. It outlives the agent.
   *
   * @return whether it is new
   * @throws io.cilium4j.service.ServiceRefusedException if it makes no sense, or if its number or
   *     frontend is another service's; then nothing changes
   * @throws io.cilium4j.core.state.StorageException if it cannot be stored; then nothing changes
   * @throws AgentException if it is stored, and the datapath does not hold it: the agent tries
   *     again
   */
  boolean put(long number, ServiceSpec wanted) throws InterruptedException;

  /**
   * Removes a service that was put, and waits until the datapath does not hold it any more.
   *
   * @return false if there is none
   * @throws AgentException if it is Kubernetes', or if the datapath holds it still
   */
  boolean delete(long number) throws InterruptedException;
}
