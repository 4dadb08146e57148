// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.view;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.Collection;
import io.cilium4j.core.spi.Datapath.EndpointFlows;
import io.cilium4j.core.spi.Datapath.Pressure;
import io.cilium4j.core.spi.FlowSource.Traffic;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/** What a datapath counts, as metrics under Cilium's names. */
public final class DatapathMetrics {

  private static final String EBPF = "ebpf";

  private final Datapath datapath;

  /** Reads one datapath. */
  public DatapathMetrics(Datapath datapath) {
    this.datapath = datapath;
  }

  /** Everything as it is now. */
  public List<MetricFamily> read() {
    List<MetricFamily> all = new ArrayList<>();
    addTraffic(all);
    addMaps(all);
    datapath
        .counters()
        .forEach((name, count) ->
            all.add(
                MetricFamily.counter(
                    "cilium_datapath_" + name + "_total",
                    "As the datapath counts " + name.replace('_', ' '),
                    count)));
    return all;
  }

  private void addTraffic(List<MetricFamily> all) {
    List<Traffic> traffic = datapath.traffic();
    List<Traffic> forwarded = traffic.stream().filter(each -> each.drop().isEmpty()).toList();
    List<Traffic> dropped = traffic.stream().filter(each -> each.drop().isPresent()).toList();
    all.add(ofTraffic("cilium_forward_count_total", "Packets passed", forwarded, Traffic::packets));
    all.add(
        ofTraffic(
            "cilium_forward_bytes_total",
            "Bytes passed, with Ethernet headers",
            forwarded,
            Traffic::bytes));
    all.add(ofTraffic("cilium_drop_count_total", "Packets dropped", dropped, Traffic::packets));
    all.add(
        ofTraffic(
            "cilium_drop_bytes_total",
            "Bytes dropped, with Ethernet headers",
            dropped,
            Traffic::bytes));
  }

  private static MetricFamily ofTraffic(
      String name, String help, List<Traffic> traffic, ToLongFunction<Traffic> value) {
    List<Sample> samples = new ArrayList<>();
    for (Traffic each : traffic) {
      Map<String, String> labels = new TreeMap<>();
      labels.put("direction", each.direction().name());
      each.drop().ifPresent(reason -> labels.put("reason", reason.toString()));
      samples.add(Sample.Value.of(labels, value.applyAsLong(each)));
    }
    return new MetricFamily(name, Kind.COUNTER, help, samples);
  }

  /** How full the datapath's tables are; the memory datapath has none that are maps. */
  private void addMaps(List<MetricFamily> all) {
    Pressure pressure = datapath.pressure();
    if (datapath.name().equals(EBPF)) {
      List<Sample> samples = new ArrayList<>();
      for (Datapath.Table table : pressure.tables()) {
        samples.add(
            new Sample.Value(
                Map.of("map_name", table.name()), (double) table.used() / table.capacity()));
      }
      all.add(
          new MetricFamily(
              "cilium_bpf_map_pressure",
              Kind.GAUGE,
              "Entries of a map, as a part of what it can hold",
              samples));
    }
    addCollections(pressure.collections(), all);
    List<Sample> overflowed = new ArrayList<>();
    for (EndpointFlows endpoint : pressure.endpoints()) {
      if (endpoint.overflowed() > 0) {
        overflowed.add(
            Sample.Value.of(
                Map.of("endpoint", Integer.toString(endpoint.endpointId())),
                endpoint.overflowed()));
      }
    }
    all.add(
        new MetricFamily(
            "cilium_datapath_conntrack_overflowed_flows_total",
            Kind.COUNTER,
            "Flows of an endpoint beyond its share of conntrack, which evict each other",
            overflowed));
  }

  private static void addCollections(List<Collection> collections, List<MetricFamily> all) {
    List<Sample> runs = new ArrayList<>();
    List<Sample> entries = new ArrayList<>();
    List<Sample> durations = new ArrayList<>();
    for (Collection each : collections) {
      Map<String, String> of = new TreeMap<>();
      of.put("family", each.family().toString().toLowerCase(Locale.ROOT));
      of.put("protocol", each.protocol());
      Map<String, String> completed = with(of, "completed");
      runs.add(Sample.Value.of(completed, each.runs()));
      durations.add(new Sample.Value(completed, each.lasted().toNanos() / 1e9));
      entries.add(Sample.Value.of(with(of, "alive"), each.alive()));
      entries.add(Sample.Value.of(with(of, "deleted"), each.deleted()));
    }
    String prefix = "cilium_datapath_conntrack_gc_";
    all.add(new MetricFamily(prefix + "runs_total", Kind.COUNTER, "Walks over the flows", runs));
    all.add(
        new MetricFamily(prefix + "entries", Kind.GAUGE, "Flows that the last walk met", entries));
    all.add(
        new MetricFamily(
            prefix + "duration_seconds", Kind.GAUGE, "How long the last walk took", durations));
  }

  private static Map<String, String> with(Map<String, String> labels, String status) {
    Map<String, String> all = new TreeMap<>(labels);
    all.put("status", status);
    return all;
  }
}
