// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.re2j.Pattern;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.FlowParty.Device;
import io.cilium4j.datapath.flow.FlowParty.Facts;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.FlowFilters.NameFilter;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.NetworkInterface;
import io.cilium4j.datapath.observer.proto.Workload;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.Predicate;

/** Filters by what is known of a side beside its identity: workload, service, names, device. */
final class FactFilters {

  private FactFilters() {}

  /**
   * A filter of one of these fields.
   *
   * @throws IllegalArgumentException with a line for people if it makes no sense
   */
  static Predicate<ReportedFlow> test(int field, FlowFilter filter) {
    return switch (field) {
      case FlowFilter.SOURCE_WORKLOAD_FIELD_NUMBER ->
          workloads(filter.getSourceWorkloadList(), ReportedFlow::source);
      case FlowFilter.DESTINATION_WORKLOAD_FIELD_NUMBER ->
          workloads(filter.getDestinationWorkloadList(), ReportedFlow::destination);
      case FlowFilter.SOURCE_SERVICE_FIELD_NUMBER ->
          services(filter.getSourceServiceList(), ReportedFlow::source);
      case FlowFilter.DESTINATION_SERVICE_FIELD_NUMBER ->
          services(filter.getDestinationServiceList(), ReportedFlow::destination);
      case FlowFilter.SOURCE_FQDN_FIELD_NUMBER ->
          names(filter.getSourceFqdnList(), ReportedFlow::source);
      case FlowFilter.DESTINATION_FQDN_FIELD_NUMBER ->
          names(filter.getDestinationFqdnList(), ReportedFlow::destination);
      default -> devices(filter.getInterfaceList());
    };
  }

  /** An empty kind or name is any. */
  private static Predicate<ReportedFlow> workloads(
      List<Workload> wanted, Function<ReportedFlow, FlowParty> of) {
    return flow ->
        facts(flow, of)
            .workload()
            .filter(workload -> wanted.stream().anyMatch(each -> isOne(each, workload)))
            .isPresent();
  }

  private static boolean isOne(Workload wanted, Pod.Workload workload) {
    return (wanted.getName().isEmpty() || wanted.getName().equals(workload.name()))
        && (wanted.getKind().isEmpty() || wanted.getKind().equals(workload.kind()));
  }

  private static Predicate<ReportedFlow> services(
      List<String> texts, Function<ReportedFlow, FlowParty> of) {
    List<NameFilter> filters = texts.stream().map(NameFilter::parse).toList();
    return flow ->
        facts(flow, of).service().filter(service -> isAmong(filters, service)).isPresent();
  }

  private static boolean isAmong(List<NameFilter> filters, ResourceKey service) {
    return filters.stream().anyMatch(each -> each.matches(service.namespace(), service.name()));
  }

  /** Whole names, in any case, with {@code *} for any characters. */
  private static Predicate<ReportedFlow> names(
      List<String> texts, Function<ReportedFlow, FlowParty> of) {
    List<Pattern> patterns = HttpFilters.compile(texts.stream().map(FactFilters::name).toList());
    return flow ->
        facts(flow, of).names().stream()
            .map(name -> name.toLowerCase(Locale.ROOT))
            .anyMatch(name -> patterns.stream().anyMatch(each -> each.matcher(name).matches()));
  }

  /** A name as a regular expression. */
  private static String name(String text) {
    String name = text.strip().toLowerCase(Locale.ROOT);
    if (name.endsWith(".")) {
      name = name.substring(0, name.length() - 1);
    }
    if (!name.matches("[-a-z0-9_.*]+")) {
      throw new IllegalArgumentException("\"" + text + "\": wanted a DNS name, with * for a part");
    }
    return name.replace(".", "\\.").replace("*", "[-a-z0-9_.]*");
  }

  /** An index of 0 and an empty name are any. */
  private static Predicate<ReportedFlow> devices(List<NetworkInterface> wanted) {
    return flow ->
        FlowMessages.device(flow)
            .filter(device -> wanted.stream().anyMatch(each -> isOne(each, device)))
            .isPresent();
  }

  private static boolean isOne(NetworkInterface wanted, Device device) {
    return (wanted.getIndex() == 0 || wanted.getIndex() == device.index())
        && (wanted.getName().isEmpty() || wanted.getName().equals(device.name()));
  }

  private static Facts facts(ReportedFlow flow, Function<ReportedFlow, FlowParty> of) {
    return of.apply(flow).facts();
  }
}
