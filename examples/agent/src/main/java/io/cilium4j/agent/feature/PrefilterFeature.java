// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.PrefilterList;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.api.model.PrefilterSpec;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowOperations;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.TableWriter;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Prefixes whose packets are dropped where they come in. */
public final class PrefilterFeature implements Feature {
  private final Optional<Reconciler<RowKey, Row>> reconciler;
  private final PrefilterList list;

  /** Reads what an earlier run kept. */
  public PrefilterFeature(FeatureContext context, DatapathFeature datapath) {
    boolean isCarried = datapath.datapath().rowKinds().contains(RowKind.PREFILTER);
    TableWriter<RowKey, Row> rows = TableWriter.create("prefilter");
    // Also where it is not enabled: what an earlier run attached is detached then.
    this.reconciler =
        isCarried
            ? Optional.of(
                Reconciler.create(
                    rows.table(),
                    new RowOperations(datapath.datapath(), Set.of(RowKind.PREFILTER)),
                    context.thread("prefilter-reconciler")))
            : Optional.empty();
    Optional<String> obstacle = Optional.empty();
    if (!context.config().prefilter()) {
      obstacle = Optional.of("Prefilter is not enabled in daemon (enable-xdp-prefilter)");
    } else if (!isCarried) {
      obstacle = Optional.of("the datapath " + datapath.datapath().name() + " has no prefilter");
    }
    this.list =
        new PrefilterList(
            new FileTable<>("prefilter", context.folder(), PrefilterSpec.class),
            rows,
            reconciler,
            obstacle);
  }

  /** The prefixes. */
  public PrefilterList list() {
    return list;
  }

  @Override
  public void join(Lifecycle lifecycle) {
    reconciler.ifPresent(each -> lifecycle.add("prefilter reconciler", each));
  }

  @Override
  public Map<String, String> problems() {
    return list.problem().map(why -> Map.of("prefilter", "prefilter: " + why)).orElse(Map.of());
  }
}
