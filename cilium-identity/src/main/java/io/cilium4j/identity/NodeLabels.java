// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.ReservedIdentity;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The labels that make the identities of nodes. Where policies can name nodes by label, those that
 * the filter lets count, as {@code node:KEY=VALUE}, and the cluster's; else none but the reserved
 * one.
 *
 * <p>Safe for use by several threads.
 */
public final class NodeLabels {

  /** With room for the reserved label and the cluster's. */
  private static final int MAX_LABELS = Labels.MAX_LABELS - 2;

  private final String clusterName;
  private final Optional<LabelFilter> filter;

  /**
   * Labels of the nodes of one cluster.
   *
   * @param filter which labels of a node count; absent where no policy can name them
   */
  public NodeLabels(String clusterName, Optional<LabelFilter> filter) {
    this.clusterName = clusterName;
    this.filter = filter;
  }

  /** Of another node with these labels in Kubernetes. */
  public Labels ofRemote(Map<String, String> labels) {
    return of(ReservedIdentity.REMOTE_NODE, labels);
  }

  /** Of this node. */
  public Labels ofHost(Map<String, String> labels) {
    return of(ReservedIdentity.HOST, labels);
  }

  /**
   * What a policy for nodes selects this node by: its labels in Kubernetes as those of any object
   * of it, whether policies can name nodes as peers or not.
   */
  public Labels ofHostEndpoint(Map<String, String> labels) {
    List<Label> all = new ArrayList<>();
    labels.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .map(each -> new Label(LabelSource.NODE, each.getKey(), each.getValue()))
        .limit(MAX_LABELS)
        .forEach(all::add);
    List<Label> counting =
        filter.orElse(LabelFilter.OF_NODES).relevant(Labels.of(all)).stream()
            .map(each -> new Label(LabelSource.K8S, each.key(), each.value()))
            .toList();
    return Labels.of(counting).with(ReservedIdentity.HOST.identity().labels().sorted());
  }

  private Labels of(ReservedIdentity reserved, Map<String, String> labels) {
    Labels own = reserved.identity().labels();
    if (filter.isEmpty()) {
      return own;
    }
    List<Label> all = new ArrayList<>();
    labels.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .map(each -> new Label(LabelSource.NODE, each.getKey(), each.getValue()))
        .limit(MAX_LABELS)
        .forEach(all::add);
    // The node's own first: of one key the later counts.
    return filter
        .get()
        .relevant(Labels.of(all))
        .with(new Label(LabelSource.K8S, PodLabels.CLUSTER, clusterName))
        .with(own.sorted());
  }
}
