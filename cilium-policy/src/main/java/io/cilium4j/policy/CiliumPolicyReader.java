// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.policy.CiliumPolicy.Authentication;
import io.cilium4j.policy.CiliumPolicy.Item;
import io.cilium4j.policy.CiliumPolicy.Rule;
import io.cilium4j.policy.CiliumPolicy.Subject;
import io.cilium4j.policy.Peers.Entity;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Reads CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy objects. */
final class CiliumPolicyReader {
  private static final Set<String> RULE_FIELDS =
      Set.of(
          "endpointSelector",
          "nodeSelector",
          "ingress",
          "ingressDeny",
          "egress",
          "egressDeny",
          "enableDefaultDeny",
          "labels",
          "description",
          "log");
  private static final List<String> SECTIONS =
      List.of("ingress", "ingressDeny", "egress", "egressDeny");
  private static final Set<String> CIDR_SET_FIELDS =
      Set.of("cidr", "cidrGroupRef", "cidrGroupSelector", "except");

  /** The fields of an item, by section. */
  private static final Map<String, Set<String>> ITEM_FIELDS =
      Map.of(
          "ingress", itemFields("from", Set.of("authentication")),
          "ingressDeny", itemFields("from", Set.of()),
          "egress", itemFields("to", Set.of("authentication", "toServices", "toFQDNs")),
          "egressDeny", itemFields("to", Set.of("toServices")));

  private static Set<String> itemFields(String prefix, Set<String> more) {
    Set<String> fields = new HashSet<>(more);
    fields.addAll(Set.of("toPorts", "icmps"));
    for (String peers :
        List.of("Endpoints", "CIDR", "CIDRSet", "Entities", "Groups", "Nodes", "Requires")) {
      fields.add(prefix + peers);
    }
    return Set.copyOf(fields);
  }

  private final PolicyConfig config;

  CiliumPolicyReader(PolicyConfig config) {
    this.config = config;
  }

  /** Reads an object whose name is known. */
  CiliumPolicy read(ResourceName resource, Field object) {
    var rules = new ArrayList<Rule>();
    Field spec = object.find("spec");
    if (spec != null) {
      rules.add(rule(resource, spec));
    }
    rules.addAll(object.each("specs", each -> rule(resource, each)));
    if (spec == null && object.find("specs") == null) {
      throw object.error("neither spec nor specs", "at least one rule");
    }
    return new CiliumPolicy(resource, rules);
  }

  /** Reads a list of plain rules. */
  CiliumPolicy rules(ResourceName resource, Field list) {
    return new CiliumPolicy(resource, list.each(each -> rule(resource, each)));
  }

  private Rule rule(ResourceName resource, Field spec) {
    spec.only(RULE_FIELDS);
    Subject subject = subject(resource, spec);
    boolean node = subject.isNode();
    Field defaults = spec.find("enableDefaultDeny");
    if (defaults != null) {
      defaults.only(Set.of("ingress", "egress"));
    }
    Field log = spec.find("log");
    var rule =
        new Rule(
            spec.path(),
            subject,
            items(spec, "ingress", PortsReader.Section.INGRESS, node),
            items(spec, "ingressDeny", PortsReader.Section.DENY, node),
            items(spec, "egress", PortsReader.Section.EGRESS, node),
            items(spec, "egressDeny", PortsReader.Section.DENY, node),
            defaults == null ? null : defaults.truth("ingress"),
            defaults == null ? null : defaults.truth("egress"),
            labels(spec),
            spec.text("description"),
            log == null ? "" : log.only(Set.of("value")).text("value"));
    if (SECTIONS.stream().allMatch(section -> spec.items(section).isEmpty())) {
      throw spec.error(
          "no rules", "at least one item in ingress, ingressDeny, egress or egressDeny");
    }
    return rule;
  }

  private static Subject subject(ResourceName resource, Field spec) {
    Field endpoints = spec.find("endpointSelector");
    Field nodes = spec.find("nodeSelector");
    if ((endpoints == null) == (nodes == null)) {
      throw spec.error(
          endpoints == null
              ? "neither endpointSelector nor nodeSelector"
              : "both endpointSelector and nodeSelector",
          "one of them");
    }
    if (nodes == null) {
      return new Subject(false, SelectorReader.withSources(spec.need("endpointSelector")));
    }
    if (!resource.isClusterScoped() && !resource.isPlainRules()) {
      throw nodes.error("a nodeSelector in a namespace", "one in cluster scope only");
    }
    return new Subject(true, SelectorReader.withSources(nodes));
  }

  /** The rule's labels; lists of texts and of {@code {key, value, source}} are both in use. */
  private static List<String> labels(Field spec) {
    return spec.each(
        "labels",
        item -> {
          if (item.value() instanceof String) {
            return nonEmptyText(item);
          }
          item.only(Set.of("key", "value", "source"));
          String source = item.text("source");
          String value = item.text("value");
          return (source.isEmpty() ? "" : source + ":")
              + nonEmptyText(item.need("key"))
              + (value.isEmpty() ? "" : "=" + value);
        });
  }

  private static String nonEmptyText(Field field) {
    if (field.text().isEmpty()) {
      throw field.wanted("a label");
    }
    return field.text();
  }

  private List<Item> items(Field spec, String name, PortsReader.Section section, boolean isNode) {
    return spec.each(name, item -> item(item, name, section, isNode));
  }

  private Item item(Field item, String sectionName, PortsReader.Section section, boolean isNode) {
    boolean ingress = sectionName.startsWith("ingress");
    boolean deny = section == PortsReader.Section.DENY;
    String prefix = ingress ? "from" : "to";
    item.only(ITEM_FIELDS.getOrDefault(sectionName, Set.of()));
    if (!item.items(prefix + "Requires").isEmpty()) {
      throw item.need(prefix + "Requires").error("a list with items", "none: it is gone");
    }
    List<Peers> peers = peers(item, prefix, !ingress, deny);
    var ports = new PortsReader(section, isNode, config);
    var result =
        new Item(
            peers,
            item.each("toPorts", ports::read),
            item.each("icmps", ports::icmps),
            deny ? null : authentication(item.find("authentication")));
    if (!result.icmps().isEmpty() && !result.ports().isEmpty()) {
      throw item.error("toPorts and icmps", "either");
    }
    return result;
  }

  /** Every peer field that is there. Two with items are an error: they would not be a union. */
  private List<Peers> peers(Field item, String prefix, boolean egress, boolean deny) {
    var peers = new ArrayList<Peers>();
    addIfPresent(peers, item.find(prefix + "Endpoints"), this::endpoints);
    addIfPresent(peers, item.find(prefix + "CIDR"), this::cidrs);
    addIfPresent(peers, item.find(prefix + "CIDRSet"), this::cidrSets);
    addIfPresent(peers, item.find(prefix + "Entities"), this::entities);
    addIfPresent(peers, item.find(prefix + "Groups"), this::groups);
    addIfPresent(peers, item.find(prefix + "Nodes"), this::nodes);
    if (egress) {
      addIfPresent(peers, item.find("toServices"), this::services);
      if (!deny) {
        addIfPresent(
            peers, item.find("toFQDNs"), field -> new Peers.Fqdns(field.each(L7Reader::fqdn)));
      }
    }
    int kinds = 0;
    for (Peers list : peers) {
      kinds += list.items().isEmpty() ? 0 : 1;
    }
    if (kinds > 1) {
      throw item.error("peers of two kinds", "one kind an item; write two items");
    }
    return peers;
  }

  private static void addIfPresent(
      List<Peers> peers, @Nullable Field field, java.util.function.Function<Field, Peers> reader) {
    if (field != null) {
      peers.add(reader.apply(field));
    }
  }

  private Peers endpoints(Field field) {
    return new Peers.Endpoints(field.each(SelectorReader::withSources));
  }

  private Peers nodes(Field field) {
    if (!config.nodeSelectorLabels() && !field.list().isEmpty()) {
      throw field.error("nodes by label", "the option node-selector-labels to be on");
    }
    return new Peers.Nodes(field.each(SelectorReader::withSources));
  }

  private Peers entities(Field field) {
    return new Peers.Entities(field.each(item -> item.choose(Entity::tryParse, Entity.values())));
  }

  private Peers groups(Field field) {
    return new Peers.Groups(field.each(Field::canonicalJson));
  }

  private Peers cidrs(Field field) {
    return new Peers.Cidrs(
        field.each(item -> item.parse(IpPrefix::parseLenient, "an address or ADDRESS/LENGTH")));
  }

  private Peers cidrSets(Field field) {
    return new Peers.CidrSets(field.each(CiliumPolicyReader::cidrSet));
  }

  private static Peers.CidrSet cidrSet(Field item) {
    item.only(CIDR_SET_FIELDS);
    Field cidr = nonEmpty(item, "cidr");
    Field group = nonEmpty(item, "cidrGroupRef");
    Field selector = item.find("cidrGroupSelector");
    int given = (cidr == null ? 0 : 1) + (group == null ? 0 : 1) + (selector == null ? 0 : 1);
    if (given != 1) {
      throw item.error(
          given + " of cidr, cidrGroupRef and cidrGroupSelector", "exactly one of them");
    }
    List<IpPrefix> except =
        item.each("except", each -> each.parse(IpPrefix::parse, "ADDRESS/LENGTH"));
    if (cidr == null) {
      return new Peers.CidrSet(
          group == null
              ? new Peers.CidrBase.GroupSelector(
                  SelectorReader.plain(item.need("cidrGroupSelector")))
              : new Peers.CidrBase.GroupName(group.text()),
          except);
    }
    IpPrefix base = cidr.parse(IpPrefix::parse, "ADDRESS/LENGTH");
    checkInside(item, base, except);
    return new Peers.CidrSet(new Peers.CidrBase.Prefix(base), except);
  }

  /** Holes must lie inside of what they are taken from. */
  static void checkInside(Field item, IpPrefix base, List<IpPrefix> except) {
    for (int i = 0; i < except.size(); i++) {
      if (!base.contains(except.get(i))) {
        throw item.need("except").list().get(i).wanted("a prefix inside " + base);
      }
    }
  }

  private static @Nullable Field nonEmpty(Field item, String name) {
    Field field = item.find(name);
    return field == null || field.text().isEmpty() ? null : field;
  }

  private Peers services(Field field) {
    return new Peers.Services(field.each(CiliumPolicyReader::service));
  }

  private static Peers.Service service(Field item) {
    item.only(Set.of("k8sService", "k8sServiceSelector"));
    Field named = item.find("k8sService");
    Field selected = item.find("k8sServiceSelector");
    if (selected != null) {
      // Where both are there the labels decide, as in the reference.
      selected.only(Set.of("selector", "namespace"));
      return new Peers.Service.Selected(
          selected.text("namespace"), SelectorReader.withSources(selected.need("selector")));
    }
    if (named == null) {
      return new Peers.Service.Nothing();
    }
    named.only(Set.of("serviceName", "namespace"));
    return new Peers.Service.Named(named.text("namespace"), named.text("serviceName"));
  }

  private static @Nullable Authentication authentication(@Nullable Field field) {
    if (field == null) {
      return null;
    }
    field.only(Set.of("mode"));
    return field.need("mode").choose(Authentication::tryParse, Authentication.values());
  }
}
