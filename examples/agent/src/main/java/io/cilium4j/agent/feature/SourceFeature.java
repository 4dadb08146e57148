// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Where objects of Kubernetes come from; without a source its tables are empty. */
public final class SourceFeature implements Feature {
  private final Optional<KubernetesSource> source;

  /** Opens the source, which reads nothing yet. */
  public SourceFeature(FeatureContext context) {
    this.source =
        context
            .config()
            .source()
            .map(wanted ->
                wanted
                    .provider()
                    .get()
                    .open(
                        new KubernetesSourceProvider.Config(
                            context.thread("source"),
                            wanted.options(),
                            context.folder().manifests())));
  }

  /** The source; absent for nowhere. */
  public Optional<KubernetesSource> source() {
    return source;
  }

  /** Policies, and other objects that are not understood here. */
  public Table<ResourceKey, RawResource> resources() {
    return source
        .map(KubernetesSource::resources)
        .orElseGet(() -> TableWriter.<ResourceKey, RawResource>create("resources").table());
  }

  /** Pods. */
  Table<ResourceKey, Pod> pods() {
    return source
        .map(KubernetesSource::pods)
        .orElseGet(() -> TableWriter.<ResourceKey, Pod>create("pods").table());
  }

  /** Nodes of Kubernetes: this one, and perhaps others. */
  public Table<String, Node> nodes() {
    return source
        .map(KubernetesSource::nodes)
        .orElseGet(() -> TableWriter.<String, Node>create("nodes").table());
  }

  /** What the operator wrote of nodes. */
  public Table<String, Node> ciliumNodes() {
    return source
        .map(KubernetesSource::ciliumNodes)
        .orElseGet(() -> TableWriter.<String, Node>create("cilium-nodes").table());
  }

  @Override
  public void join(Lifecycle lifecycle) {
    source.ifPresent(each -> lifecycle.add("source", each));
  }

  @Override
  public Map<String, String> problems() {
    Map<String, String> all = new TreeMap<>();
    source.ifPresent(each ->
        each.problems()
            .snapshot()
            .forEach(row -> all.put(row.key(), row.key() + ": " + row.value())));
    return all;
  }
}
