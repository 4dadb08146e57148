// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.AgentServices;
import io.cilium4j.api.model.Service;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.api.model.ServiceStatus;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Table;
import io.cilium4j.service.Frontend;
import io.cilium4j.service.RequestedServices;
import io.cilium4j.service.ServiceController;
import io.cilium4j.service.ServiceException;
import io.cilium4j.service.ServiceRefusedException;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/** The services of a node, in the words of Cilium's REST API. */
public final class NodeServices implements AgentServices {
  private final ServiceController controller;
  private final RequestedServices<SpecRequest> requested;
  private final Datapath datapath;

  /**
   * Services.
   *
   * @param requested what clients put
   * @param datapath what carries them out
   */
  public NodeServices(
      ServiceController controller, RequestedServices<SpecRequest> requested, Datapath datapath) {
    this.controller = controller;
    this.requested = requested;
    this.datapath = datapath;
  }

  @Override
  public List<Service> all() {
    TreeMap<Long, Service> all = new TreeMap<>();
    requested.requests().snapshot().forEach(row -> all.put(row.key(), kept(row.value().spec())));
    controller.frontends().snapshot().forEach(row -> all.put(row.key(), view(row.value())));
    return List.copyOf(all.values());
  }

  @Override
  public Optional<Service> get(long number) {
    Optional<Service> known = controller.frontends().get(number).map(this::view);
    return known.isPresent()
        ? known
        : requested.requests().get(number).map(each -> kept(each.spec()));
  }

  private Service view(Frontend frontend) {
    ServiceSpec spec = ServiceSpecs.of(frontend);
    return requested.isRealised(frontend)
        ? new Service(spec, new ServiceStatus(ServiceSpecs.realized(frontend)))
        : kept(spec);
  }

  /** A service of which nothing is in the datapath. */
  private static Service kept(ServiceSpec spec) {
    return new Service(spec, new ServiceStatus(ServiceSpecs.withBackends(spec, List.of())));
  }

  @Override
  public Table<RowKey, Row> frontends() {
    return controller.rows();
  }

  @Override
  public boolean areCarriedOut() {
    return datapath.rowKinds().contains(RowKind.FRONTEND);
  }

  @Override
  public boolean areForNodeProcesses() {
    return areCarriedOut() && datapath.capabilities().contains(Capability.SERVES_NODE_PROCESSES);
  }

  @Override
  public boolean put(long number, ServiceSpec wanted) throws InterruptedException {
    try {
      return requested.put(number, new SpecRequest(wanted));
    } catch (ServiceRefusedException e) {
      throw e;
    } catch (ServiceException e) {
      throw new AgentException(String.valueOf(e.getMessage()), e);
    }
  }

  @Override
  public boolean delete(long number) throws InterruptedException {
    try {
      return requested.delete(number);
    } catch (ServiceException e) {
      throw new AgentException(String.valueOf(e.getMessage()), e);
    }
  }
}
