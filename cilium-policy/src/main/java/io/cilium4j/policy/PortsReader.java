// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.L7Rules;
import io.cilium4j.core.Protocol;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads what a rule asks of ports: {@code toPorts} and {@code icmps}. */
final class PortsReader {
  private static final Set<String> FIELDS =
      Set.of("ports", "terminatingTLS", "originatingTLS", "serverNames", "listener", "rules");
  private static final Set<String> PORT_FIELDS = Set.of("port", "endPort", "protocol");
  private static final Set<String> LISTENER_FIELDS = Set.of("envoyConfig", "name", "priority");
  private static final Set<String> ICMP_FIELDS = Set.of("family", "type");

  private static final int MAX_PORT = 0xffff;
  private static final int MAX_TYPE = 0xff;

  /** IANA's form of a service name; that dashes are single is checked apart. */
  private static final Pattern NAME = Pattern.compile("(?=.*[a-z])[a-z0-9]([-a-z0-9]*[a-z0-9])?");

  private static final int MAX_NAME_CHARS = 15;

  private static final Pattern NUMBER = Pattern.compile("[0-9](_?[0-9])*");

  /** Longest text that is read as a number. */
  private static final int MAX_DIGITS = 15;

  private static final String PORT_FORM = "0 to 65535";

  /** Protocols that a port may go with, and those that go with no port. */
  private static final Set<Protocol> WITH_PORTS =
      Set.of(Protocol.ANY, Protocol.TCP, Protocol.UDP, Protocol.SCTP);

  private static final Set<Protocol> WITHOUT_PORTS =
      Set.of(
          Protocol.VRRP,
          Protocol.IGMP,
          Protocol.GRE,
          Protocol.IPIP,
          Protocol.IPV6,
          Protocol.ESP,
          Protocol.AH);

  /** Which section the ports are read for: it decides what may be asked. */
  enum Section {
    INGRESS,
    EGRESS,
    DENY
  }

  private final Section section;
  private final boolean isNode;
  private final PolicyConfig config;

  PortsReader(Section section, boolean isNode, PolicyConfig config) {
    this.section = section;
    this.isNode = isNode;
    this.config = config;
  }

  /** Reads one item of {@code toPorts}. */
  Ports read(Field field) {
    field.only(section == Section.DENY ? Set.of("ports") : FIELDS);
    List<Field> portFields = field.items("ports");
    checkCount(portFields, field);
    List<Ports.Port> ports = field.each("ports", this::port);
    if (section == Section.DENY) {
      return Ports.of(ports);
    }
    L7Rules rules = L7Reader.read(field.find("rules"), config);
    var result =
        new Ports(
            ports,
            field.each("serverNames", PortsReader::serverName),
            listener(field.find("listener")),
            secret(field.find("terminatingTLS")),
            secret(field.find("originatingTLS")),
            rules);
    if (!rules.isEmpty()) {
      checkRules(field.need("rules"), result);
      if (rules instanceof L7Rules.Http) {
        portFields.forEach(PortsReader::checkTcp);
      }
    }
    checkListener(field, result);
    return result;
  }

  private static void checkCount(List<Field> items, Field field) {
    if (items.size() > Ports.MAX_ITEMS) {
      throw field.error(items.size() + " items", "at most " + Ports.MAX_ITEMS);
    }
  }

  private Ports.Port port(Field field) {
    field.only(PORT_FIELDS);
    Field protocolField = field.find("protocol");
    String protocolText = protocolField == null ? "" : protocolField.text();
    Protocol protocol = protocolField == null ? Protocol.ANY : protocol(protocolField);
    String text = field.text("port").toLowerCase(Locale.ROOT);
    if (text.isEmpty() && config.extendedProtocols()) {
      return new Ports.Port("", 0, 0, protocol);
    }
    Field portField = field.need("port");
    Field endField = field.find("endPort");
    int end = endField == null ? 0 : end(endField);
    // A name is a port of its own, so what it says of an end goes unheard.
    if (isName(text)) {
      return new Ports.Port(text, 0, 0, protocol);
    }
    // Only the exact spelling is held to having no ports: the reference looks before it folds case.
    if (WITHOUT_PORTS.contains(protocol)
        && protocolText.equals(protocol.name())
        && !text.equals("0")) {
      throw portField.wanted("0, since " + protocol + " has no ports");
    }
    int first = number(portField, text);
    // A range has to begin at a port; one that ends before it begins is its first port.
    return new Ports.Port("", first, first == 0 ? 0 : Math.max(first, end), protocol);
  }

  /** The reference takes the lower 16 bits of whatever it is given. */
  private int end(Field field) {
    return config.referenceCompat()
        ? field.integer(Integer.MIN_VALUE, Integer.MAX_VALUE) & MAX_PORT
        : field.integer(0, MAX_PORT);
  }

  /** A protocol that rules on ports may name, in any case; the empty one is any. */
  static Protocol protocol(Field field) {
    if (field.text().isEmpty()) {
      return Protocol.ANY;
    }
    return Protocol.tryParse(field.text())
        .filter(known -> WITH_PORTS.contains(known) || WITHOUT_PORTS.contains(known))
        .orElseThrow(() -> field.wanted("TCP, UDP, SCTP or ANY"));
  }

  /** Whether the text has the form of a service's name. */
  static boolean isName(String text) {
    return text.length() <= MAX_NAME_CHARS && NAME.matcher(text).matches() && !text.contains("--");
  }

  /** Decimal, or octal behind a leading 0, with {@code _} between digits: the field's reading. */
  static int number(Field field, String text) {
    if (text.length() > MAX_DIGITS || !NUMBER.matcher(text).matches()) {
      throw field.wanted(PORT_FORM);
    }
    String digits = text.replace("_", "");
    boolean octal = digits.length() > 1 && digits.charAt(0) == '0';
    try {
      long number = Long.parseLong(digits, octal ? 8 : 10);
      if (number > MAX_PORT) {
        throw field.wanted(PORT_FORM);
      }
      return (int) number;
    } catch (NumberFormatException e) {
      throw field.wanted(PORT_FORM);
    }
  }

  private static String serverName(Field field) {
    String name = field.text();
    if (name.isEmpty()) {
      throw field.wanted("a server name");
    }
    return name;
  }

  private static Ports.@Nullable Listener listener(@Nullable Field field) {
    if (field == null) {
      return null;
    }
    field.only(LISTENER_FIELDS);
    Field config = field.need("envoyConfig").only(Set.of("kind", "name"));
    Field priority = field.find("priority");
    return new Ports.Listener(
        config.text("kind"),
        config.need("name").text(),
        field.need("name").text(),
        priority == null ? 0 : priority.integer(0, 255));
  }

  private static Ports.@Nullable Secret secret(@Nullable Field field) {
    if (field == null) {
      return null;
    }
    field.only(Set.of("secret", "trustedCA", "certificate", "privateKey"));
    Field secret = field.need("secret").only(Set.of("namespace", "name"));
    secret.need("name").text();
    secret.text("namespace");
    return new Ports.Secret(field.canonicalJson());
  }

  /** What requests may be asked about only where a proxy can see them. */
  private void checkRules(Field rules, Ports ports) {
    if (!config.l7Proxy()) {
      throw rules.error("rules on requests", "none, since there is no proxy");
    }
    if (isNode && section == Section.INGRESS) {
      throw rules.error("rules on requests to a node", "none");
    }
    boolean http = ports.rules() instanceof L7Rules.Http;
    if (isNode && http) {
      throw rules.error("HTTP rules on a node", "none");
    }
    if (!http && section == Section.INGRESS) {
      throw rules.error("dns rules in ingress", "dns rules in egress only");
    }
    if (!http && ports.ports().isEmpty()) {
      throw rules.error("dns rules without ports", "at least one port");
    }
    for (Ports.Port port : ports.ports()) {
      if (!http && port.last() != port.first()) {
        throw rules.error("dns rules on a range of ports", "single ports");
      }
      if (port.name().isEmpty() && port.first() == 0) {
        throw rules.error("rules on requests with port 0", "a port");
      }
    }
    if (!ports.serverNames().isEmpty() && ports.terminatingTls() == null) {
      throw rules.error(
          "rules on requests beside serverNames", "terminatingTLS, to see into the connection");
    }
  }

  /** Requests are looked at in TCP only, and it has to be spelled so. */
  private static void checkTcp(Field port) {
    if (!port.text("protocol").equals("TCP")) {
      throw port.error(
          "http rules on protocol "
              + (port.text("protocol").isEmpty() ? "ANY" : port.text("protocol")),
          "protocol TCP");
    }
  }

  private void checkListener(Field field, Ports ports) {
    Field listener = field.find("listener");
    if (listener == null) {
      return;
    }
    if (section == Section.INGRESS) {
      throw listener.error("a listener in ingress", "one in egress");
    }
    if (!ports.rules().isEmpty()) {
      throw listener.error("a listener beside rules on requests", "either");
    }
  }

  /** Reads one item of {@code icmps}. */
  List<Ports.Icmp> icmps(Field field) {
    field.only(Set.of("fields"));
    checkCount(field.items("fields"), field);
    return field.each("fields", this::icmp);
  }

  private Ports.Icmp icmp(Field field) {
    field.only(ICMP_FIELDS);
    Field familyField = field.find("family");
    IpFamily family =
        familyField == null || familyField.text().isEmpty()
            ? IpFamily.IPV4
            : switch (familyField.text()) {
              case "IPv4" -> IpFamily.IPV4;
              case "IPv6" -> IpFamily.IPV6;
              default -> throw familyField.wanted("IPv4 or IPv6");
            };
    Field type = field.need("type");
    return new Ports.Icmp(
        family, type.value() instanceof String name ? named(type, family, name) : type(type));
  }

  /** Beyond 255 a number is no type that any packet has; the reference takes it all the same. */
  private int type(Field type) {
    return config.referenceCompat()
        ? Math.clamp(type.integer(Integer.MIN_VALUE, Integer.MAX_VALUE), 0, MAX_PORT)
        : type.integer(0, MAX_TYPE);
  }

  private int named(Field type, IpFamily family, String name) {
    Integer known = IcmpTypes.number(family, name);
    if (known != null) {
      return known;
    }
    boolean digits = name.equals("0") || name.matches("0*[1-9][0-9]{0,8}");
    int number = digits ? Math.min(Integer.parseInt(name), MAX_PORT) : -1;
    if (!digits || (number > MAX_TYPE && !config.referenceCompat())) {
      throw type.wanted(
          "a number from 0 to " + MAX_TYPE + ", or the name of an ICMP type of " + family);
    }
    return number;
  }
}
