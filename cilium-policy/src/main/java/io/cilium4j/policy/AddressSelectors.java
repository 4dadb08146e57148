// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.EndpointSelector;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Requirement;
import io.cilium4j.core.Requirement.Operator;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;

/** Makes selectors of peers that rules name by address, by DNS name or by a group of addresses. */
final class AddressSelectors {
  /** What stands before a CIDR group's name. */
  static final String CIDR_GROUP_NAME = "io.cilium.policy.cidrgroupname/";

  /** What stands before the name of a group that somebody outside the cluster tells. */
  private static final String EXTERNAL_GROUP = "extgrp.cilium.io/";

  /** Of whose addresses nothing is known: a node or pod may be of either family. */
  private static final List<Requirement> NO_PREFIX =
      Stream.of("0.0.0.0/0", "::/0")
          .map(all -> requirement(IpPrefix.parse(all), Operator.DOES_NOT_EXIST))
          .toList();

  private final PolicyConfig config;

  AddressSelectors(PolicyConfig config) {
    this.config = config;
  }

  /** The world label of a family: with one family only, there is but one world. */
  private String world(IpPrefix prefix) {
    boolean v4 = prefix.address().isV4();
    boolean dualStack = config.ipv4() && config.ipv6();
    boolean enabled = v4 ? config.ipv4() : config.ipv6();
    return !dualStack && enabled ? "world" : v4 ? "world-ipv4" : "world-ipv6";
  }

  private static Requirement requirement(IpPrefix prefix, Operator operator) {
    return new Requirement(LabelSource.CIDR, CidrLabels.key(prefix), operator, List.of());
  }

  /**
   * Addresses, with holes: those outside the cluster, and of the cluster's own those that the
   * configuration lets rules by address reach.
   */
  Selector cidr(IpPrefix prefix, List<IpPrefix> except) {
    List<Requirement> outside = outside(except);
    var inside = new EndpointSelector(List.of(requirement(prefix, Operator.EXISTS))).and(outside);
    if (prefix.length() > 0) {
      return reachable(List.of(world(prefix)), List.of(inside), List.of(inside));
    }
    var whole = new EndpointSelector(outside);
    return reachable(
        List.of(world(prefix)),
        List.of(whole),
        config.referenceCompat() ? List.of(whole) : List.of(inside, whole.and(NO_PREFIX)));
  }

  private List<Requirement> outside(List<IpPrefix> except) {
    // A hole of the whole size leaves nothing of its family.
    return except.stream()
        .map(hole ->
            hole.length() == 0
                ? new Requirement(
                    LabelSource.RESERVED, world(hole), Operator.DOES_NOT_EXIST, List.of())
                : requirement(hole, Operator.DOES_NOT_EXIST))
        .toList();
  }

  /**
   * Each of these conditions for each kind of identity that stands for addresses.
   *
   * @param outside the alternatives for those outside the cluster
   * @param inside the alternatives for its nodes and pods
   */
  private Selector reachable(
      List<String> worlds, List<EndpointSelector> outside, List<EndpointSelector> inside) {
    var alternatives = new ArrayList<EndpointSelector>();
    for (String world : worlds) {
      both(outside, Requirement.exists(LabelSource.RESERVED, world), alternatives);
    }
    var kinds = new ArrayList<Requirement>();
    if (config.cidrMatch().contains(PolicyConfig.CidrMatch.NODES)) {
      kinds.add(Requirement.exists(LabelSource.RESERVED, "host"));
      kinds.add(Requirement.exists(LabelSource.RESERVED, "remote-node"));
    }
    if (config.cidrMatch().contains(PolicyConfig.CidrMatch.PODS)) {
      kinds.add(Selectors.IN_SOME_NAMESPACE);
    }
    kinds.forEach(kind -> both(inside, kind, alternatives));
    return alternatives.size() == 1
        ? Selector.of(alternatives.getFirst())
        : Selector.anyOf(alternatives);
  }

  private static void both(
      List<EndpointSelector> conditions, Requirement kind, List<EndpointSelector> to) {
    conditions.forEach(each -> to.add(each.and(List.of(kind))));
  }

  /** Addresses of CIDR groups, with holes. */
  Selector cidrSet(Peers.CidrSet set) {
    return switch (set.base()) {
      case Peers.CidrBase.Prefix(IpPrefix prefix) -> cidr(prefix, set.except());
      case Peers.CidrBase.GroupName(String name) ->
          group(
              List.of(
                  new EndpointSelector(
                      List.of(Requirement.exists(LabelSource.CIDR_GROUP, CIDR_GROUP_NAME + name)))),
              set.except());
      case Peers.CidrBase.GroupSelector(LabelSelector selector) ->
          group(groupLabels(selector), set.except());
    };
  }

  /**
   * Several groups may hold an address, so a group's label stands there once plain, for Exists, and
   * once as {@code key+value}, which does not collide, for the other operators. A list of values to
   * be in makes an alternative of each.
   */
  private static List<EndpointSelector> groupLabels(LabelSelector selector) {
    var alternatives = new ArrayList<EndpointSelector>();
    alternatives.add(EndpointSelector.WILDCARD);
    selector
        .matchLabels()
        .forEach(
            (key, value) -> narrow(alternatives, List.of(member(key, value, Operator.EXISTS))));
    for (LabelSelector.Expression each : selector.matchExpressions()) {
      switch (each.operator()) {
        case EXISTS, DOES_NOT_EXIST ->
            narrow(
                alternatives,
                List.of(
                    new Requirement(
                        LabelSource.CIDR_GROUP, each.key(), each.operator(), List.of())));
        case NOT_IN ->
            each.values()
                .forEach(value ->
                    narrow(
                        alternatives, List.of(member(each.key(), value, Operator.DOES_NOT_EXIST))));
        case IN ->
            narrow(
                alternatives,
                each.values().stream()
                    .map(value -> member(each.key(), value, Operator.EXISTS))
                    .toList());
      }
    }
    return alternatives;
  }

  private static Requirement member(String key, String value, Operator operator) {
    return new Requirement(LabelSource.CIDR_GROUP, key + "+" + value, operator, List.of());
  }

  /** Lets each alternative also ask for one of these. */
  private static void narrow(List<EndpointSelector> alternatives, List<Requirement> oneOf) {
    List<EndpointSelector> before = List.copyOf(alternatives);
    alternatives.clear();
    for (EndpointSelector selector : before) {
      oneOf.forEach(each -> alternatives.add(selector.and(List.of(each))));
    }
  }

  /** Groups hold addresses of both families: an alternative for each world label. */
  private Selector group(List<EndpointSelector> labels, List<IpPrefix> except) {
    if (except.isEmpty() && labels.stream().anyMatch(EndpointSelector::isWildcard)) {
      // The reference's reading of a group selector without conditions.
      return Selector.ALL;
    }
    List<Requirement> outside = outside(except);
    List<EndpointSelector> members = labels.stream().map(each -> each.and(outside)).toList();
    return reachable(List.of("world", "world-ipv4", "world-ipv6"), members, members);
  }

  /**
   * Addresses seen under a DNS name; the label is the text of the rule, as written. The empty name
   * is nobody's.
   */
  Selector fqdn(String text) {
    if (text.isEmpty()) {
      return Selectors.NOBODY;
    }
    return Selector.of(new EndpointSelector(List.of(Requirement.exists(LabelSource.FQDN, text))));
  }

  /** Addresses that somebody outside the cluster tells. */
  Selector externalGroup(String canonicalJson) {
    return Selector.of(
        new EndpointSelector(
            List.of(Requirement.exists(LabelSource.CIDR_GROUP, externalGroupKey(canonicalJson)))));
  }

  /** The key of the label that the addresses of such a group have. */
  static String externalGroupKey(String canonicalJson) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-224")
              .digest(canonicalJson.getBytes(StandardCharsets.UTF_8));
      return EXTERNAL_GROUP + Base64.getUrlEncoder().withoutPadding().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-224", e);
    }
  }
}
