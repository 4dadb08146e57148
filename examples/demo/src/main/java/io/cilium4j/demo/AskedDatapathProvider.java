// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A datapath without packets, for where no pod can be made: it takes every row and moves nothing,
 * so that the agent compiles its policies and can be asked what they say.
 */
public final class AskedDatapathProvider implements DatapathProvider {

  /** Its name; {@code auto} never chooses it. */
  static final String NAME = "asked";

  /** For {@link java.util.ServiceLoader}. */
  public AskedDatapathProvider() {}

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public Availability probe() {
    return new Availability(true, "no packet is sent");
  }

  @Override
  public Datapath open(Config config) {
    return new Asked();
  }

  private static final class Asked implements Datapath {
    @Override
    public String name() {
      return NAME;
    }

    @Override
    public String description() {
      return "the policy engine alone";
    }

    @Override
    public EndpointInterface connect(ConnectRequest request) {
      var none = new MacAddress(0);
      return new EndpointInterface(
          "none" + request.endpointId(), request.endpointId(), none, none, request.netns());
    }

    @Override
    public void disconnect(EndpointInterface device) {}

    @Override
    public boolean holds(EndpointInterface device) {
      return true;
    }

    @Override
    public Set<RowKind> rowKinds() {
      return Set.of(RowKind.values());
    }

    @Override
    public void apply(List<Change<RowKey, Row>> changes) {}

    @Override
    public void prune(RowKind kind, Set<RowKey> wanted) {}

    @Override
    public Subscription subscribe(FlowSink sink) {
      return () -> {};
    }

    @Override
    public List<Traffic> traffic() {
      return List.of();
    }

    @Override
    public Map<String, Long> counters() {
      return Map.of();
    }

    @Override
    public void close() {}

    @Override
    public void destroy() {}
  }
}
