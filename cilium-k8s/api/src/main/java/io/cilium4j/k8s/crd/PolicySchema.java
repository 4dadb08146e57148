// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.crd;

import static io.cilium4j.k8s.crd.Schema.cidr;
import static io.cilium4j.k8s.crd.Schema.field;
import static io.cilium4j.k8s.crd.Schema.flag;
import static io.cilium4j.k8s.crd.Schema.list;
import static io.cilium4j.k8s.crd.Schema.longNumber;
import static io.cilium4j.k8s.crd.Schema.map;
import static io.cilium4j.k8s.crd.Schema.number;
import static io.cilium4j.k8s.crd.Schema.numberOrText;
import static io.cilium4j.k8s.crd.Schema.object;
import static io.cilium4j.k8s.crd.Schema.oneOf;
import static io.cilium4j.k8s.crd.Schema.required;
import static io.cilium4j.k8s.crd.Schema.text;
import static io.cilium4j.k8s.crd.Schema.time;

import io.cilium4j.k8s.crd.Schema.Field;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What {@code CiliumNetworkPolicy} and its clusterwide twin say, which is the same. */
final class PolicySchema {
  private static final int MAX_PORTS = 40;

  private static final String LABEL_VALUE = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";

  private static final String DNS_NAME =
      "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

  private static final String PORT =
      "^(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{1,4})"
          + "|([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*$";

  private static final String ICMP_TYPE =
      "^([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]|"
          + String.join(
              "|",
              // IPv4
              "EchoReply|DestinationUnreachable|Redirect|Echo|RouterAdvertisement|RouterSelection",
              "TimeExceeded|ParameterProblem|Timestamp|TimestampReply|Photuris|ExtendedEchoRequest",
              "ExtendedEcho Reply",
              // IPv6
              "PacketTooBig|EchoRequest|MulticastListenerQuery|MulticastListenerReport",
              "MulticastListenerDone|RouterSolicitation|NeighborSolicitation",
              "NeighborAdvertisement|RedirectMessage|RouterRenumbering|ICMPNodeInformationQuery",
              "ICMPNodeInformationResponse|InverseNeighborDiscoverySolicitation",
              "InverseNeighborDiscoveryAdvertisement|HomeAgentAddressDiscoveryRequest",
              "HomeAgentAddressDiscoveryReply|MobilePrefixSolicitation|MobilePrefixAdvertisement",
              "DuplicateAddressRequestCodeSuffix|DuplicateAddressConfirmationCodeSuffix")
          + ")$";

  private static final String[] ENTITIES = {
    "all",
    "world",
    "cluster",
    "cluster-mesh",
    "host",
    "init",
    "ingress",
    "unmanaged",
    "remote-node",
    "health",
    "none",
    "kube-apiserver"
  };

  private static final String[] PROTOCOLS = {
    "TCP", "UDP", "SCTP", "VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH", "ANY"
  };

  private PolicySchema() {}

  /** A selector of labels. */
  static Schema selector() {
    return object(
        field(
            "matchExpressions",
            list(
                object(
                    required("key", text()),
                    required("operator", oneOf("In", "NotIn", "Exists", "DoesNotExist")),
                    field("values", list(text()))))),
        field("matchLabels", map(text(LABEL_VALUE).atMostChars(63))));
  }

  /** The rules of a policy. */
  static Schema spec() {
    return object(
            field("description", text().about("For people.")),
            field("egress", list(egress()).about("What the subjects may send, and to whom.")),
            field("egressDeny", list(egressDeny()).about("What they may not send, whatever else.")),
            field(
                "enableDefaultDeny",
                object(field("egress", flag()), field("ingress", flag()))
                    .about("Whether what no rule allows is denied; by default it is.")),
            field("endpointSelector", selector().about("The endpoints that the rules are for.")),
            field("ingress", list(ingress()).about("What the subjects may receive, from whom.")),
            field("ingressDeny", list(ingressDeny()).about("What they may not receive.")),
            field(
                "labels",
                list(object(
                        required("key", text()), field("source", text()), field("value", text())))
                    .about("Names of the rules, by which the agent's API finds them.")),
            field(
                "log",
                object(field("value", text("^\\PC*$").atMostChars(32)))
                    .about("A text that stands in the flows that the rules decide.")),
            field("nodeSelector", selector().about("The nodes that the rules are for.")))
        .about("Rules for some endpoints or nodes.");
  }

  /** What became of it. */
  static Schema status() {
    return object(
        field("conditions", conditions()),
        field(
            "derivativePolicies",
            map(
                object(
                    field("annotations", map(text())),
                    field("enforcing", flag()),
                    field("error", text()),
                    field("lastUpdated", time()),
                    field("localPolicyRevision", longNumber()),
                    field("ok", flag())))));
  }

  /** A list of conditions, one a type. */
  static Schema conditions() {
    return list(object(
            field("lastTransitionTime", time()),
            field("message", text()),
            field("reason", text()),
            required("status", text()),
            required("type", text())))
        .with("x-kubernetes-list-type", "map")
        .with("x-kubernetes-list-map-keys", List.of("type"));
  }

  // ---- rules ----

  private static Schema ingress() {
    return rule(peers("from"), field("authentication", authentication()), icmps(), ports(true));
  }

  private static Schema ingressDeny() {
    return rule(peers("from"), icmps(), ports(false));
  }

  private static Schema egress() {
    return rule(
        peers("to"),
        field("authentication", authentication()),
        field("toFQDNs", list(name()).about("Names; their addresses are those of DNS answers.")),
        services(),
        icmps(),
        ports(true));
  }

  private static Schema egressDeny() {
    return rule(peers("to"), services(), icmps(), ports(false));
  }

  private static Schema rule(List<Field> peers, Field... others) {
    var all = new ArrayList<>(peers);
    all.addAll(Arrays.asList(others));
    return object(all.toArray(Field[]::new));
  }

  private static List<Field> peers(String way) {
    return List.of(
        field(way + "CIDR", list(cidr())),
        field(way + "CIDRSet", list(cidrSet())),
        field(way + "Endpoints", list(selector())),
        field(way + "Entities", list(oneOf(ENTITIES))),
        field(
            way + "Groups",
            list(
                object(
                    field(
                        "aws",
                        object(
                            field("labels", map(text())),
                            field("region", text()),
                            field("securityGroupsIds", list(text())),
                            field("securityGroupsNames", list(text()))))))),
        field(way + "Nodes", list(selector())),
        field(way + "Requires", list(text()).atMostItems(0).about("No longer served.")));
  }

  private static Schema cidrSet() {
    return object(
        field("cidr", cidr()),
        field("cidrGroupRef", text(DNS_NAME).atMostChars(253)),
        field("cidrGroupSelector", selector()),
        field("except", list(cidr())));
  }

  private static Field services() {
    return field(
        "toServices",
        list(
            object(
                field(
                    "k8sService", object(field("namespace", text()), field("serviceName", text()))),
                field(
                    "k8sServiceSelector",
                    object(field("namespace", text()), required("selector", selector()))))));
  }

  private static Schema authentication() {
    return object(required("mode", oneOf("disabled", "required", "test-always-fail")));
  }

  private static Field icmps() {
    return field(
        "icmps",
        list(
            object(
                field(
                    "fields",
                    list(object(
                            field("family", oneOf("IPv4", "IPv6").with("default", "IPv4")),
                            required("type", numberOrText(ICMP_TYPE))))
                        .atMostItems(MAX_PORTS)))));
  }

  // ---- ports ----

  private static Field ports(boolean hasRules) {
    Schema ports =
        list(object(
                field("endPort", number(0, 65_535).with("format", "int32")),
                field("port", text(PORT)),
                field("protocol", oneOf(PROTOCOLS))))
            .atMostItems(MAX_PORTS);
    return field(
        "toPorts",
        list(
            hasRules
                ? object(
                    field("listener", listener()),
                    field("originatingTLS", tls()),
                    field("ports", ports),
                    field("rules", l7()),
                    field("serverNames", list(text("^([-a-zA-Z0-9_*]+[.]?)+$")).atLeastItems(1)),
                    field("terminatingTLS", tls()))
                : object(field("ports", ports))));
  }

  private static Schema listener() {
    return object(
        required(
            "envoyConfig",
            object(
                field("kind", oneOf("CiliumEnvoyConfig", "CiliumClusterwideEnvoyConfig")),
                required("name", text()))),
        required("name", text()),
        field("priority", number(1, 100)));
  }

  private static Schema secret() {
    return object(required("name", text()), field("namespace", text()));
  }

  private static Schema tls() {
    return object(
        field("certificate", text()),
        field("privateKey", text()),
        required("secret", secret()),
        field("trustedCA", text()));
  }

  private static Schema name() {
    return object(
        field("matchName", text("^([-a-zA-Z0-9_]+[.]?)+$").atMostChars(255)),
        field("matchPattern", text("^([-a-zA-Z0-9_*]+[.]?)+$").atMostChars(255)));
  }

  private static Schema l7() {
    return object(
        field("dns", list(name())),
        field(
            "http",
            list(
                object(
                    field(
                        "headerMatches",
                        list(
                            object(
                                field("mismatch", oneOf("LOG", "ADD", "DELETE", "REPLACE")),
                                required("name", text()),
                                field("secret", secret()),
                                field("value", text())))),
                    field("headers", list(text())),
                    field("host", text().with("format", "idn-hostname")),
                    field("method", text()),
                    field("path", text())))));
  }
}
