// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.Descriptors.FieldDescriptor;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.proto.EventTypeFilter;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.TCPFlags;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a client's filters mean. A filter's fields must all hold, and of a field's values one. A
 * field that says something of which flows know nothing yet is refused by its name: a filter that
 * is not carried out would show what nobody asked for.
 */
final class FlowFilters {

  /** Most filters of a request, and most values of a field. */
  private static final int MAX_VALUES = 1_000;

  private static final Set<Protocol> WITH_PORTS =
      EnumSet.of(Protocol.TCP, Protocol.UDP, Protocol.SCTP);

  private FlowFilters() {}

  /**
   * Whether a flow is wanted: by one of the filters if there are any, and by none of the others.
   *
   * @throws IllegalArgumentException with a line for people if one cannot be carried out
   */
  static Predicate<ReportedFlow> wanted(
      List<FlowFilter> whitelist, List<FlowFilter> blacklist, FlowMessages messages) {
    List<Predicate<ReportedFlow>> shown = all(whitelist, messages);
    List<Predicate<ReportedFlow>> hidden = all(blacklist, messages);
    return flow ->
        (shown.isEmpty() || shown.stream().anyMatch(each -> each.test(flow)))
            && hidden.stream().noneMatch(each -> each.test(flow));
  }

  private static List<Predicate<ReportedFlow>> all(
      List<FlowFilter> filters, FlowMessages messages) {
    if (filters.size() > MAX_VALUES) {
      throw new IllegalArgumentException("more than " + MAX_VALUES + " filters");
    }
    List<Predicate<ReportedFlow>> all = new ArrayList<>();
    for (FlowFilter filter : filters) {
      all.add(one(filter, messages));
    }
    return all;
  }

  private static Predicate<ReportedFlow> one(FlowFilter filter, FlowMessages messages) {
    if (!filter.getUnknownFields().asMap().isEmpty()) {
      throw new IllegalArgumentException(
          "filter field number "
              + filter.getUnknownFields().asMap().keySet().iterator().next()
              + ": not supported");
    }
    List<Predicate<ReportedFlow>> fields = new ArrayList<>();
    filter
        .getAllFields()
        .forEach((field, value) -> {
          if (value instanceof List<?> values && values.size() > MAX_VALUES) {
            throw new IllegalArgumentException(
                "filter " + field.getName() + ": more than " + MAX_VALUES + " values");
          }
          fields.add(test(field, filter, messages));
        });
    return flow -> fields.stream().allMatch(each -> each.test(flow));
  }

  private static Predicate<ReportedFlow> test(
      FieldDescriptor field, FlowFilter filter, FlowMessages messages) {
    try {
      return switch (field.getNumber()) {
        case FlowFilter.UUID_FIELD_NUMBER -> among(filter.getUuidList(), messages::uuid);
        case FlowFilter.SOURCE_IP_FIELD_NUMBER -> addresses(filter.getSourceIpList(), Flow::source);
        case FlowFilter.DESTINATION_IP_FIELD_NUMBER ->
            addresses(filter.getDestinationIpList(), Flow::destination);
        case FlowFilter.SOURCE_POD_FIELD_NUMBER ->
            pods(filter.getSourcePodList(), ReportedFlow::source);
        case FlowFilter.DESTINATION_POD_FIELD_NUMBER ->
            pods(filter.getDestinationPodList(), ReportedFlow::destination);
        case FlowFilter.SOURCE_LABEL_FIELD_NUMBER ->
            labels(filter.getSourceLabelList(), ReportedFlow::source);
        case FlowFilter.DESTINATION_LABEL_FIELD_NUMBER ->
            labels(filter.getDestinationLabelList(), ReportedFlow::destination);
        case FlowFilter.SOURCE_CLUSTER_NAME_FIELD_NUMBER ->
            among(filter.getSourceClusterNameList(), each -> FlowMessages.clusterOf(each.source()));
        case FlowFilter.DESTINATION_CLUSTER_NAME_FIELD_NUMBER ->
            among(
                filter.getDestinationClusterNameList(),
                each -> FlowMessages.clusterOf(each.destination()));
        case FlowFilter.SOURCE_WORKLOAD_FIELD_NUMBER,
            FlowFilter.DESTINATION_WORKLOAD_FIELD_NUMBER,
            FlowFilter.SOURCE_SERVICE_FIELD_NUMBER,
            FlowFilter.DESTINATION_SERVICE_FIELD_NUMBER,
            FlowFilter.SOURCE_FQDN_FIELD_NUMBER,
            FlowFilter.DESTINATION_FQDN_FIELD_NUMBER,
            FlowFilter.INTERFACE_FIELD_NUMBER ->
            FactFilters.test(field.getNumber(), filter);
        case FlowFilter.SOURCE_IDENTITY_FIELD_NUMBER ->
            among(filter.getSourceIdentityList(), each -> each.source().identity());
        case FlowFilter.DESTINATION_IDENTITY_FIELD_NUMBER ->
            among(filter.getDestinationIdentityList(), each -> each.destination().identity());
        case FlowFilter.SOURCE_PORT_FIELD_NUMBER ->
            ports(filter.getSourcePortList(), Flow::sourcePort);
        case FlowFilter.DESTINATION_PORT_FIELD_NUMBER ->
            ports(filter.getDestinationPortList(), Flow::destinationPort);
        case FlowFilter.TRAFFIC_DIRECTION_FIELD_NUMBER ->
            among(filter.getTrafficDirectionList(), each -> FlowMessages.direction(each.flow()));
        case FlowFilter.VERDICT_FIELD_NUMBER ->
            among(filter.getVerdictList(), FlowMessages::verdict);
        case FlowFilter.DROP_REASON_DESC_FIELD_NUMBER ->
            among(filter.getDropReasonDescValueList(), FlowMessages::dropReason);
        case FlowFilter.EVENT_TYPE_FIELD_NUMBER -> eventTypes(filter.getEventTypeList());
        case FlowFilter.PROTOCOL_FIELD_NUMBER -> protocols(filter.getProtocolList());
        // Of a dropped packet nobody knows; clients take it for none.
        case FlowFilter.REPLY_FIELD_NUMBER -> among(filter.getReplyList(), ReportedFlow::isReply);
        case FlowFilter.TCP_FLAGS_FIELD_NUMBER -> tcpFlags(filter.getTcpFlagsList());
        case FlowFilter.ENCRYPTED_FIELD_NUMBER -> among(filter.getEncryptedList(), _ -> false);
        // No source is translated before it is seen.
        case FlowFilter.SOURCE_IP_XLATED_FIELD_NUMBER -> {
          filter.getSourceIpXlatedList().forEach(IpPrefix::parseLenient);
          yield _ -> false;
        }
        case FlowFilter.HTTP_STATUS_CODE_FIELD_NUMBER,
            FlowFilter.HTTP_METHOD_FIELD_NUMBER,
            FlowFilter.HTTP_PATH_FIELD_NUMBER,
            FlowFilter.HTTP_URL_FIELD_NUMBER,
            FlowFilter.HTTP_HEADER_FIELD_NUMBER ->
            http(field, filter);
        case FlowFilter.TRACE_ID_FIELD_NUMBER ->
            among(filter.getTraceIdList(), each -> each.http().map(Layers::traceId).orElse(""));
        // No packet is marked for tracing.
        case FlowFilter.IP_TRACE_ID_FIELD_NUMBER -> among(filter.getIpTraceIdList(), _ -> 0L);
        case FlowFilter.DNS_QUERY_FIELD_NUMBER -> {
          var names = HttpFilters.compile(filter.getDnsQueryList());
          yield flow ->
              flow.dns()
                  .filter(dns -> names.stream().anyMatch(each -> each.matcher(dns.name()).find()))
                  .isPresent();
        }
        case FlowFilter.IP_VERSION_FIELD_NUMBER ->
            among(filter.getIpVersionList(), each -> FlowMessages.version(each.flow().source()));
        case FlowFilter.NODE_NAME_FIELD_NUMBER -> nodes(filter.getNodeNameList(), messages);
        case FlowFilter.NODE_LABELS_FIELD_NUMBER ->
            nodeLabels(filter.getNodeLabelsList(), messages);
        default -> throw new IllegalArgumentException("not supported");
      };
    } catch (IllegalArgumentException e) {
      String name =
          field.getNumber() == FlowFilter.EXPERIMENTAL_FIELD_NUMBER
              ? "experimental.cel_expression"
              : field.getName();
      throw new IllegalArgumentException("filter " + name + ": " + e.getMessage(), e);
    }
  }

  private static <T> Predicate<ReportedFlow> among(
      List<T> values, Function<ReportedFlow, ? extends T> of) {
    Set<T> set = Set.copyOf(values);
    return flow -> set.contains(of.apply(flow));
  }

  private static Predicate<ReportedFlow> addresses(
      List<String> texts, Function<Flow, IpAddress> of) {
    List<IpPrefix> prefixes = texts.stream().map(IpPrefix::parseLenient).toList();
    return flow -> {
      IpAddress address = of.apply(flow.flow());
      return prefixes.stream().anyMatch(prefix -> prefix.contains(address));
    };
  }

  /** A namespace, or none for any, and how a name begins. Without a slash it is of "default". */
  record NameFilter(String namespace, String prefix) {
    static NameFilter parse(String text) {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("empty: wanted [NAMESPACE/]NAME");
      }
      int slash = text.indexOf('/');
      return slash < 0
          ? new NameFilter("default", text)
          : new NameFilter(text.substring(0, slash), text.substring(slash + 1));
    }

    boolean matches(String itsNamespace, String itsName) {
      return !(itsNamespace.isEmpty() && itsName.isEmpty())
          && itsName.startsWith(prefix)
          && (namespace.isEmpty() || namespace.equals(itsNamespace));
    }
  }

  private static Predicate<ReportedFlow> pods(
      List<String> texts, Function<ReportedFlow, FlowParty> of) {
    List<NameFilter> filters = texts.stream().map(NameFilter::parse).toList();
    return flow -> {
      FlowParty party = of.apply(flow);
      return filters.stream().anyMatch(each -> each.matches(party.namespace(), party.pod()));
    };
  }

  private static Predicate<ReportedFlow> labels(
      List<String> texts, Function<ReportedFlow, FlowParty> of) {
    List<LabelSelector> selectors = texts.stream().map(LabelSelector::parse).toList();
    return flow -> selectors.stream().anyMatch(each -> each.matches(of.apply(flow).labels()));
  }

  private static Predicate<ReportedFlow> ports(List<String> texts, Function<Flow, Integer> of) {
    Set<Integer> ports = texts.stream().map(FlowFilters::port).collect(Collectors.toSet());
    return flow ->
        Protocol.ofNumber(flow.flow().protocol()).filter(WITH_PORTS::contains).isPresent()
            && ports.contains(of.apply(flow.flow()));
  }

  private static int port(String text) {
    if (!text.matches("[0-9]{1,5}") || Integer.parseInt(text) > 0xffff) {
      throw new IllegalArgumentException("\"" + text + "\": wanted a port, 0 to 65535");
    }
    return Integer.parseInt(text);
  }

  private static Predicate<ReportedFlow> eventTypes(List<EventTypeFilter> types) {
    return flow -> {
      int type = FlowMessages.eventType(flow);
      int subType = FlowMessages.eventSubType(flow);
      return types.stream()
          .anyMatch(each ->
              (each.getType() == 0 || each.getType() == type)
                  && (!each.getMatchSubType() || each.getSubType() == subType));
    };
  }

  private static Predicate<ReportedFlow> http(FieldDescriptor field, FlowFilter filter) {
    HttpFilters.checkTypes(filter.getEventTypeList());
    return switch (field.getNumber()) {
      case FlowFilter.HTTP_STATUS_CODE_FIELD_NUMBER ->
          HttpFilters.statuses(filter.getHttpStatusCodeList());
      case FlowFilter.HTTP_METHOD_FIELD_NUMBER -> HttpFilters.methods(filter.getHttpMethodList());
      case FlowFilter.HTTP_PATH_FIELD_NUMBER -> HttpFilters.paths(filter.getHttpPathList());
      case FlowFilter.HTTP_HEADER_FIELD_NUMBER -> HttpFilters.headers(filter.getHttpHeaderList());
      default -> HttpFilters.urls(filter.getHttpUrlList());
    };
  }

  /** All flags of one of the values; others may be set besides. */
  private static Predicate<ReportedFlow> tcpFlags(List<TCPFlags> values) {
    List<Integer> wanted = values.stream().map(Layers::bits).toList();
    return flow ->
        flow.flow().protocol() == Protocol.TCP.number()
            && !Layers.isRequest(flow)
            && wanted.stream().anyMatch(bits -> (flow.flow().tcpFlags() & bits) == bits);
  }

  private static Predicate<ReportedFlow> protocols(List<String> names) {
    boolean isHttpWanted = names.stream().anyMatch("http"::equalsIgnoreCase);
    boolean isDnsWanted = names.stream().anyMatch("dns"::equalsIgnoreCase);
    Set<Protocol> wanted =
        names.stream()
            .map(name -> name.toLowerCase(Locale.ROOT))
            .flatMap(name ->
                switch (name) {
                  case "icmp" -> List.of(Protocol.ICMP, Protocol.ICMPV6).stream();
                  case "icmpv4" -> List.of(Protocol.ICMP).stream();
                  case "icmpv6" -> List.of(Protocol.ICMPV6).stream();
                  case "tcp" -> List.of(Protocol.TCP).stream();
                  case "udp" -> List.of(Protocol.UDP).stream();
                  case "sctp" -> List.of(Protocol.SCTP).stream();
                  // Of these but HTTP and DNS there are no flows.
                  case "http", "dns", "kafka", "vrrp", "igmp" -> Stream.<Protocol>empty();
                  default -> throw new IllegalArgumentException("\"" + name + "\": not supported");
                })
            .collect(Collectors.toSet());
    return flow ->
        (isHttpWanted && flow.http().isPresent())
            || (isDnsWanted && flow.dns().isPresent())
            || Protocol.ofNumber(flow.flow().protocol()).filter(wanted::contains).isPresent();
  }

  /** {@code [CLUSTER/]NODE}, each empty for any or with {@code *} for a part of it. */
  private static Predicate<ReportedFlow> nodes(List<String> texts, FlowMessages messages) {
    boolean isWanted =
        texts.stream()
            .map(FlowFilters::nodePattern)
            .anyMatch(each -> each.matcher(messages.node()).matches());
    return _ -> isWanted;
  }

  private static Predicate<ReportedFlow> nodeLabels(List<String> texts, FlowMessages messages) {
    List<LabelSelector> selectors = texts.stream().map(LabelSelector::parse).toList();
    return _ -> {
      Labels labels = messages.nodeLabels().labels();
      return selectors.stream().anyMatch(each -> each.matches(labels));
    };
  }

  private static Pattern nodePattern(String text) {
    String[] parts = text.split("/", -1);
    if (text.isEmpty() || parts.length > 2) {
      throw new IllegalArgumentException("\"" + text + "\": wanted [CLUSTER/]NODE");
    }
    String cluster = parts.length == 2 ? parts[0] : "";
    return Pattern.compile(namePattern(cluster) + "/" + namePattern(parts[parts.length - 1]));
  }

  private static String namePattern(String text) {
    return text.isEmpty()
        ? "[^/]+"
        : text.chars()
            .mapToObj(c -> c == '*' ? "[^/]*" : Pattern.quote(Character.toString(c)))
            .collect(Collectors.joining());
  }
}
