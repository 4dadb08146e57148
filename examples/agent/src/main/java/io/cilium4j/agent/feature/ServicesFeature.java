// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.AgentServices;
import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.service.NodeServices;
import io.cilium4j.agent.service.SpecRequest;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowOperations;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.core.state.Table;
import io.cilium4j.service.Frontend;
import io.cilium4j.service.RequestedServices;
import io.cilium4j.service.ServiceController;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Services: of Kubernetes, and of those who put some by the API. */
public final class ServicesFeature implements Feature {
  private final ServiceController controller;
  private final Optional<Reconciler<RowKey, Row>> reconciler;
  private final NodeServices services;

  /** Reads what an earlier run kept, and follows nothing yet. */
  public ServicesFeature(
      FeatureContext context,
      SourceFeature source,
      AddressFeature addresses,
      IdentityFeature identity,
      DatapathFeature datapath) {
    AgentConfig config = context.config();
    StoredTable<Long, SpecRequest> requests =
        new FileTable<>(
            "services", context.folder(), ServiceSpec.class, SpecRequest::new, SpecRequest::spec);
    this.controller =
        new ServiceController(
            new ServiceController.Inputs(
                source.resources(),
                source.pods(),
                requests.table(),
                identity.ipcache().table(),
                identity.nodeAddresses(),
                source.nodes(),
                addresses.podCidrs(),
                config.nodeName(),
                config.services().localRedirects(),
                config.services().externalIpMitigation(),
                config.services().topology(),
                datapath.datapath().capabilities().contains(Capability.SERVES_NODE_PROCESSES)),
            context.folder().serviceNumbers(),
            context.thread("services"));
    this.reconciler =
        datapath.datapath().rowKinds().contains(RowKind.FRONTEND)
            ? Optional.of(
                Reconciler.create(
                    controller.rows(),
                    new RowOperations(datapath.datapath(), Set.of(RowKind.FRONTEND)),
                    context.thread("service-reconciler")))
            : Optional.empty();
    this.services =
        new NodeServices(
            controller,
            new RequestedServices<>(controller, requests, reconciler),
            datapath.datapath());
  }

  /** What clients ask. */
  public AgentServices services() {
    return services;
  }

  /** All frontends by number. */
  public Table<Long, Frontend> frontends() {
    return controller.frontends();
  }

  @Override
  public void join(Lifecycle lifecycle) {
    reconciler.ifPresent(each -> lifecycle.add("service reconciler", each));
    lifecycle.add("services", controller);
  }

  @Override
  public List<MetricFamily> metrics() {
    return controller.metrics();
  }

  @Override
  public Map<String, String> problems() {
    Map<String, String> all = new TreeMap<>(controller.problems());
    reconciler.ifPresent(each -> {
      for (var row : each.statuses().snapshot()) {
        if (row.value() instanceof RowStatus.Failed failed) {
          all.put(row.key().toString(), row.key() + ": " + failed.message());
        }
      }
      each.pruneError().ifPresent(error -> all.put("frontends", "frontends: " + error));
    });
    return all;
  }
}
