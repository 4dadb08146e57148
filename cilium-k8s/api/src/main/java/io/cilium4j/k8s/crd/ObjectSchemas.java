// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.crd;

import static io.cilium4j.k8s.crd.Schema.atLeast;
import static io.cilium4j.k8s.crd.Schema.cidr;
import static io.cilium4j.k8s.crd.Schema.field;
import static io.cilium4j.k8s.crd.Schema.flag;
import static io.cilium4j.k8s.crd.Schema.kept;
import static io.cilium4j.k8s.crd.Schema.list;
import static io.cilium4j.k8s.crd.Schema.longNumber;
import static io.cilium4j.k8s.crd.Schema.map;
import static io.cilium4j.k8s.crd.Schema.number;
import static io.cilium4j.k8s.crd.Schema.object;
import static io.cilium4j.k8s.crd.Schema.oneOf;
import static io.cilium4j.k8s.crd.Schema.required;
import static io.cilium4j.k8s.crd.Schema.text;

/** What endpoints, nodes, pools and the like say of themselves. */
final class ObjectSchemas {
  private static final String FAMILY_PORT_NAME =
      "^([0-9]{1,4})|([a-zA-Z0-9]-?)*[a-zA-Z](-?[a-zA-Z0-9])*$";

  private static final String PORT_NUMBER =
      "^()([1-9]|[1-5]?[0-9]{2,4}|6[1-4][0-9]{3}|65[1-4][0-9]{2}|655[1-2][0-9]|6553[1-5])$";

  /** An IPv4 or IPv6 address; which of these it is, and whether it is one, the agent says. */
  private static final String ADDRESS = "^[0-9a-fA-F.:]{2,45}(%.+)?$";

  private ObjectSchemas() {}

  // ---- CiliumEndpoint ----

  static Schema endpointStatus() {
    return object(
        field("controllers", list(controller())),
        field("encryption", object(field("key", number()))),
        field(
            "external-identifiers",
            object(
                    field("cni-attachment-id", text()),
                    field("container-id", text()),
                    field("container-name", text()),
                    field("docker-endpoint-id", text()),
                    field("docker-network-id", text()),
                    field("k8s-namespace", text()),
                    field("k8s-pod-name", text()),
                    field("pod-name", text()))
                .about("What others call the endpoint.")),
        field(
            "health",
            object(
                field("bpf", text()),
                field("connected", flag()),
                field("overallHealth", text()),
                field("policy", text()))),
        field("id", longNumber().about("Its number on its node.")),
        field(
            "identity",
            object(field("id", longNumber()), field("labels", list(text())))
                .about("The number of its labels in the cluster.")),
        field(
            "log",
            list(
                object(
                    field("code", text()),
                    field("message", text()),
                    field("state", text()),
                    field("timestamp", text())))),
        field(
            "named-ports",
            list(
                object(field("name", text()), field("port", number()), field("protocol", text())))),
        field(
            "networking",
            object(
                required("addressing", list(object(field("ipv4", text()), field("ipv6", text())))),
                field("node", text().about("Where its node is reached.")))),
        field("policy", object(field("egress", direction()), field("ingress", direction()))),
        field("service-account", text()),
        field(
            "state",
            oneOf(
                "creating",
                "waiting-for-identity",
                "not-ready",
                "waiting-to-regenerate",
                "regenerating",
                "restoring",
                "ready",
                "disconnecting",
                "disconnected",
                "invalid")));
  }

  private static Schema controller() {
    return object(
        field(
            "configuration",
            object(
                field("error-retry", flag()),
                field("error-retry-base", longNumber()),
                field("interval", longNumber()))),
        field("name", text()),
        field(
            "status",
            object(
                field("consecutive-failure-count", longNumber()),
                field("failure-count", longNumber()),
                field("last-failure-msg", text()),
                field("last-failure-timestamp", text()),
                field("last-success-timestamp", text()),
                field("success-count", longNumber()))),
        field("uuid", text()));
  }

  private static Schema direction() {
    Schema peers =
        list(
            object(
                field("dest-port", number()),
                field("identity", longNumber()),
                field("identity-labels", map(text())),
                field("protocol", number())));
    return object(
        field("adding", peers),
        field("allowed", peers),
        field("denied", peers),
        required("enforcing", flag()),
        field("removing", peers),
        field("state", text()));
  }

  // ---- CiliumNode ----

  static Schema nodeSpec() {
    return object(
        field(
            "addresses",
            list(object(field("ip", text()), field("type", text())))
                .about("Where the node is reached, by purpose.")),
        field("alibaba-cloud", kept()),
        field("azure", kept()),
        field("bootid", text().about("Tells one boot of the machine from the next.")),
        field("encryption", object(field("key", number()))),
        field("eni", kept()),
        field("health", families()),
        field("ingress", families()),
        field("instance-id", text()),
        field("ipam", nodeIpam()));
  }

  private static Schema families() {
    return object(field("ipv4", text()), field("ipv6", text()));
  }

  private static Schema nodeIpam() {
    Schema owned = map(object(field("owner", text()), field("resource", text())));
    return object(
        field("ipv6-pool", owned),
        field("max-above-watermark", atLeast(0)),
        field("max-allocate", atLeast(0)),
        field("min-allocate", atLeast(0)),
        field("podCIDRs", list(cidr()).about("The prefixes of its pods' addresses.")),
        field("pool", owned),
        field(
            "pools",
            object(
                field(
                    "allocated",
                    list(
                        object(
                            field("allowFirstIP", flag()),
                            field("allowLastIP", flag()),
                            field("cidrs", list(cidr())),
                            required("pool", text())))),
                field(
                    "requested",
                    list(
                        object(
                            field(
                                "needed",
                                object(
                                    field("ipv4-addrs", number()), field("ipv6-addrs", number()))),
                            required("pool", text())))))),
        field("pre-allocate", atLeast(0)),
        field("static-ip-tags", map(text())));
  }

  static Schema nodeStatus() {
    Schema owned = map(object(field("owner", text()), field("resource", text())));
    Schema releases =
        map(oneOf("marked-for-release", "ready-for-release", "do-not-release", "released"));
    return object(
        field("alibaba-cloud", kept()),
        field("azure", kept()),
        field("eni", kept()),
        field(
            "ipam",
            object(
                field("assigned-static-ip", text()),
                field("ipv6-used", owned),
                field(
                    "operator-status",
                    object(field("error", text().about("Why it has no pod CIDR.")))),
                field(
                    "pod-cidrs",
                    map(object(field("status", oneOf("released", "depleted", "in-use"))))),
                field("release-ips", releases),
                field("release-ipv6s", releases),
                field("used", owned))));
  }

  // ---- others ----

  static Schema cidrGroupSpec() {
    return object(required("externalCIDRs", list(cidr()).atLeastItems(0)));
  }

  static Schema podIpPoolSpec() {
    return object(
        field("allowFirstIP", flag().with("default", false).fixed()),
        field("allowLastIP", flag().with("default", false).fixed()),
        field("ipv4", pool(32)),
        field("ipv6", pool(128)),
        field("namespaceSelector", PolicySchema.selector()),
        field("podSelector", PolicySchema.selector()));
  }

  private static Schema pool(int bits) {
    return object(
        required("cidrs", list(cidr()).atLeastItems(1)),
        required("maskSize", number(1, bits).fixed()));
  }

  static Schema localRedirectSpec() {
    Schema ports =
        list(
            object(
                field("name", text(FAMILY_PORT_NAME)),
                required("port", text(PORT_NUMBER)),
                required("protocol", oneOf("TCP", "UDP"))));
    return object(
        field("description", text()),
        required(
            "redirectBackend",
            object(
                    required("localEndpointSelector", PolicySchema.selector()),
                    required("toPorts", ports))
                .fixed()),
        required(
            "redirectFrontend",
            object(
                    field(
                        "addressMatcher",
                        object(required("ip", text(ADDRESS)), required("toPorts", ports))),
                    field(
                        "serviceMatcher",
                        object(
                            required("namespace", text()),
                            required("serviceName", text()),
                            field("toPorts", ports))))
                .fixed()),
        field("skipRedirectFromBackend", flag().with("default", false).fixed()));
  }

  static Schema localRedirectStatus() {
    return object(field("ok", flag()));
  }
}
