// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.datapath.observer.proto.EventTypeFilter;
import io.cilium4j.datapath.observer.proto.FlowFilter;
import io.cilium4j.datapath.observer.proto.HTTPHeader;
import io.cilium4j.datapath.observer.proto.IPVersion;
import io.cilium4j.datapath.observer.proto.NetworkInterface;
import io.cilium4j.datapath.observer.proto.TCPFlags;
import io.cilium4j.datapath.observer.proto.Workload;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Filters of flows by the flags of {@code hubble observe}. Flags of different names must all hold,
 * and of one that is given several times one value; a flag about either end holds for one of them.
 */
final class FlowFlags {

  /** What a flag about an end is called without {@code from-} or {@code to-}, and its field. */
  private static final Map<String, String> ENDS =
      Map.of(
          "cluster", "cluster_name",
          "fqdn", "fqdn",
          "identity", "identity",
          "ip", "ip",
          "label", "label",
          "namespace", "",
          "pod", "pod",
          "port", "port",
          "service", "service",
          "workload", "workload");

  /** Flags about the flow, and their fields. */
  private static final Map<String, String> FLOW =
      Map.ofEntries(
          Map.entry("cel-expression", "experimental"),
          Map.entry("drop-reason-desc", "drop_reason_desc"),
          Map.entry("http-header", "http_header"),
          Map.entry("http-method", "http_method"),
          Map.entry("http-path", "http_path"),
          Map.entry("http-status", "http_status_code"),
          Map.entry("http-url", "http_url"),
          Map.entry("interface", "interface"),
          Map.entry("ip-trace-id", "ip_trace_id"),
          Map.entry("ip-version", "ip_version"),
          Map.entry("node-label", "node_labels"),
          Map.entry("node-name", "node_name"),
          Map.entry("protocol", "protocol"),
          Map.entry("snat-ip", "source_ip_xlated"),
          Map.entry("tcp-flags", "tcp_flags"),
          Map.entry("trace-id", "trace_id"),
          Map.entry("traffic-direction", "traffic_direction"),
          Map.entry("type", "event_type"),
          Map.entry("uuid", "uuid"),
          Map.entry("verdict", "verdict"));

  /** Flags without a value, and what they stand for. */
  private static final Map<String, List<String>> SHORT =
      Map.of(
          "-4", List.of("ip-version", "v4"),
          "-6", List.of("ip-version", "v6"),
          "--ipv4", List.of("ip-version", "v4"),
          "--ipv6", List.of("ip-version", "v6"),
          "-A", List.of("namespace", ""),
          "--all-namespaces", List.of("namespace", ""),
          "--from-all-namespaces", List.of("from-namespace", ""),
          "--to-all-namespaces", List.of("to-namespace", ""),
          "--encrypted", List.of("encrypted", "true"),
          "--unencrypted", List.of("encrypted", "false"));

  private static final Map<String, String> LETTERS =
      Map.of("-n", "namespace", "-l", "label", "-t", "type");

  private static final Map<String, Integer> TYPES =
      Map.of(
          "drop", FlowMessages.DROP_EVENT,
          "capture", 3,
          "trace", FlowMessages.TRACE_EVENT,
          "policy-verdict", FlowMessages.VERDICT_EVENT,
          "l7", FlowMessages.ACCESS_EVENT,
          "trace-sock", 8);

  /** Where a packet is seen, by the monitor's numbers. */
  private static final List<String> POINTS =
      List.of(
          "to-endpoint",
          "to-proxy",
          "to-host",
          "to-stack",
          "to-overlay",
          "from-endpoint",
          "from-proxy",
          "from-host",
          "from-stack",
          "from-overlay",
          "from-network",
          "to-network",
          "from-crypto",
          "to-crypto");

  private static final List<String> SIDES = List.of("source_", "destination_");

  private static final String NAMESPACE = "namespace";

  /** What a namespace of either end would be of one and not of the other. */
  private static final List<String> NAMES_OF_ONE_END =
      List.of("from-pod", "to-pod", "from-service", "to-service");

  /** Two filters of which one must hold, about the source and the destination, or the same. */
  private static final class Side {
    private final FlowFilter.Builder left = FlowFilter.newBuilder();
    private final FlowFilter.Builder right = FlowFilter.newBuilder();
    private final Map<String, Set<String>> namespacesLeft = new HashMap<>();
    private final Map<String, Set<String>> namespacesRight = new HashMap<>();
    private final Set<String> flags = new HashSet<>();

    /** Notes that a flag is used. */
    void use(String flag, String end) {
      flags.add(flag);
      for (String other : List.of("from-" + end, "to-" + end)) {
        if (flags.contains(end) && flags.contains(other)) {
          throw new IllegalArgumentException(
              "not together with --" + (flag.equals(end) ? other : end));
        }
      }
      for (String other : NAMES_OF_ONE_END) {
        if (flags.contains(NAMESPACE) && flags.contains(other)) {
          throw new IllegalArgumentException(
              "not together with --" + (flag.equals(other) ? NAMESPACE : other));
        }
      }
    }

    List<FlowFilter> filters() {
      FlowFilter one = filter(left.clone(), namespacesLeft);
      FlowFilter other = filter(right.clone(), namespacesRight);
      if (one.equals(other)) {
        return one.equals(FlowFilter.getDefaultInstance()) ? List.of() : List.of(one);
      }
      return List.of(one, other);
    }

    /** Namespaces are those of the pods and services that are named, else of all pods in them. */
    private static FlowFilter filter(
        FlowFilter.Builder filter, Map<String, Set<String>> namespaces) {
      namespaces.forEach((side, all) -> {
        boolean isOfNames = false;
        for (String name : List.of("pod", "service")) {
          FieldDescriptor field = field(side + name);
          List<?> names = (List<?>) filter.getField(field);
          filter.clearField(field);
          for (Object each : names) {
            isOfNames = true;
            inEach(all, (String) each).forEach(text -> filter.addRepeatedField(field, text));
          }
        }
        if (!isOfNames) {
          all.forEach(each -> filter.addRepeatedField(field(side + "pod"), each + "/"));
        }
      });
      return filter.build();
    }

    /** A name in each of the namespaces, unless it has its own, which must be one of them. */
    private static List<String> inEach(Set<String> namespaces, String name) {
      int slash = name.indexOf('/');
      if (slash < 0) {
        return namespaces.stream().map(each -> each + "/" + name).toList();
      }
      String own = name.substring(0, slash);
      if (!own.isEmpty() && !namespaces.contains(own) && !namespaces.contains("")) {
        throw new IllegalArgumentException(
            name + ": not in namespace " + String.join(" or ", namespaces));
      }
      return List.of(name);
    }
  }

  private final Side wanted = new Side();
  private final Side unwanted = new Side();
  private boolean isNot;

  /**
   * Takes a flag.
   *
   * @param next the word behind it, if there is one
   * @return how many words it takes, 0 if it is no filter
   * @throws IllegalArgumentException with a line for people if its value makes no sense
   */
  int take(String word, Optional<String> next) {
    if (word.equals("--not")) {
      isNot = true;
      return 1;
    }
    List<String> set = SHORT.get(word);
    if (set != null) {
      add(word, set.getFirst(), set.getLast());
      return 1;
    }
    int equals = word.indexOf('=');
    String flag = equals > 0 && word.startsWith("--") ? word.substring(0, equals) : word;
    String name = LETTERS.getOrDefault(flag, flag.startsWith("--") ? flag.substring(2) : "");
    if (!FLOW.containsKey(name) && !ENDS.containsKey(end(name))) {
      return 0;
    }
    if (flag.equals(word) && next.isEmpty()) {
      throw new IllegalArgumentException(flag + ": wanted a value");
    }
    String value = flag.equals(word) ? next.orElseThrow() : word.substring(equals + 1);
    add(flag + " " + value, name, value);
    return flag.equals(word) ? 2 : 1;
  }

  private void add(String written, String name, String value) {
    try {
      add(name, value);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(written + ": " + e.getMessage(), e);
    }
  }

  List<FlowFilter> wanted() {
    return wanted.filters();
  }

  List<FlowFilter> unwanted() {
    return unwanted.filters();
  }

  /** What must stand behind a {@code --not}. */
  void check() {
    if (isNot) {
      throw new IllegalArgumentException("--not: wanted a filter behind it");
    }
  }

  private static String end(String name) {
    return name.startsWith("from-")
        ? name.substring("from-".length())
        : name.startsWith("to-") ? name.substring("to-".length()) : name;
  }

  private void add(String name, String value) {
    Side side = isNot ? unwanted : wanted;
    isNot = false;
    String end = end(name);
    String field = ENDS.get(end);
    if (field == null) {
      String ofFlow = FLOW.getOrDefault(name, name);
      add(side.left, ofFlow, value);
      add(side.right, ofFlow, value);
      return;
    }
    side.use(name, end);
    boolean isFrom = !name.startsWith("to-");
    boolean isTo = !name.startsWith("from-");
    String onLeft = isFrom ? SIDES.getFirst() : SIDES.getLast();
    String onRight = isTo ? SIDES.getLast() : SIDES.getFirst();
    if (end.equals(NAMESPACE)) {
      side.namespacesLeft.computeIfAbsent(onLeft, _ -> new LinkedHashSet<>()).add(value);
      side.namespacesRight.computeIfAbsent(onRight, _ -> new LinkedHashSet<>()).add(value);
    } else {
      add(side.left, onLeft + field, value);
      add(side.right, onRight + field, value);
    }
  }

  private static FieldDescriptor field(String name) {
    return FlowFilter.getDescriptor().findFieldByName(name);
  }

  private static void add(FlowFilter.Builder filter, String name, String value) {
    FieldDescriptor field = field(name);
    if (name.equals("experimental")) {
      filter.getExperimentalBuilder().addCelExpression(value);
    } else if (name.equals("ip_version")) {
      filter.addIpVersion(version(value));
    } else if (name.endsWith("_identity")) {
      filter.addRepeatedField(field, identity(value));
    } else {
      filter.addRepeatedField(
          field,
          switch (field.getJavaType()) {
            case STRING -> value;
            case LONG -> Long.parseUnsignedLong(value);
            case BOOLEAN -> Boolean.valueOf(value);
            case ENUM -> constant(field, value);
            case MESSAGE -> message(name, value);
            default -> throw new IllegalStateException(name);
          });
    }
  }

  private static EnumValueDescriptor constant(FieldDescriptor field, String value) {
    return field.getEnumType().getValues().stream()
        .filter(each -> each.getName().equalsIgnoreCase(value))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("unknown"));
  }

  private static IPVersion version(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "v4", "4", "ipv4" -> IPVersion.IPv4;
      case "v6", "6", "ipv6" -> IPVersion.IPv6;
      case "none" -> IPVersion.IP_NOT_USED;
      default -> throw new IllegalArgumentException("wanted v4, v6 or none");
    };
  }

  private static int identity(String value) {
    if (value.matches("[0-9]{1,10}")) {
      return Integer.parseUnsignedInt(value);
    }
    return Arrays.stream(ReservedIdentity.values())
        .filter(each -> each.name().equalsIgnoreCase(value.replace('-', '_')))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("wanted a number, or such as world"))
        .id();
  }

  private static Object message(String field, String value) {
    return switch (field) {
      case "event_type" -> eventType(value);
      case "http_header" -> {
        int colon = value.indexOf(':');
        if (colon < 1) {
          throw new IllegalArgumentException("wanted NAME:VALUE");
        }
        yield HTTPHeader.newBuilder()
            .setKey(value.substring(0, colon).strip())
            .setValue(value.substring(colon + 1).strip())
            .build();
      }
      case "interface" -> NetworkInterface.newBuilder().setName(value).build();
      case "tcp_flags" -> tcpFlags(value);
      default -> {
        int slash = value.indexOf('/');
        yield Workload.newBuilder()
            .setKind(slash < 0 ? "" : value.substring(0, slash))
            .setName(value.substring(slash + 1))
            .build();
      }
    };
  }

  private static EventTypeFilter eventType(String value) {
    List<String> parts = new ArrayList<>(List.of(value.split(":", 2)));
    Integer type = TYPES.get(parts.getFirst());
    if (type == null) {
      throw new IllegalArgumentException("wanted one of " + String.join(", ", names()));
    }
    var filter = EventTypeFilter.newBuilder().setType(type);
    if (parts.size() > 1) {
      int point = POINTS.indexOf(parts.getLast());
      if (type != FlowMessages.TRACE_EVENT || point < 0) {
        throw new IllegalArgumentException("wanted trace:to-endpoint and the like");
      }
      filter.setMatchSubType(true).setSubType(point);
    }
    return filter.build();
  }

  private static List<String> names() {
    return TYPES.keySet().stream().sorted().toList();
  }

  private static TCPFlags tcpFlags(String value) {
    var flags = TCPFlags.newBuilder();
    for (String each : value.split(",", -1)) {
      FieldDescriptor field =
          TCPFlags.getDescriptor().findFieldByName(each.strip().toUpperCase(Locale.ROOT));
      if (field == null) {
        throw new IllegalArgumentException("\"" + each + "\": no flag of TCP");
      }
      flags.setField(field, true);
    }
    return flags.build();
  }
}
