// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The labels that addresses have because they are in groups: in a {@link CidrGroup}, or in a group
 * that somebody outside of the cluster tells ({@code fromGroups}). Rules select groups by these
 * labels alone, so whoever gives numbers to addresses adds them.
 *
 * <p>A prefix in a group {@code g} that is labelled {@code k=v} has {@code
 * cidrgroup:io.cilium.policy.cidrgroupname/g}, {@code cidrgroup:k=v} and {@code cidrgroup:k+v}. The
 * last form does not collide where a prefix is in two groups with different values of {@code k}.
 */
public final class CidrGroups {
  /** No group. */
  public static final CidrGroups NONE = new CidrGroups(List.of());

  private final List<Member> members;

  private record Member(IpPrefix prefix, List<Label> labels) {}

  private CidrGroups(List<Member> members) {
    this.members = List.copyOf(members);
  }

  /** Looks up what belongs to a group that stands outside of the cluster. */
  @FunctionalInterface
  public interface ExternalGroups {
    /**
     * The prefixes of a group; none where the group is not known.
     *
     * @param json the group as rules name it: canonical JSON, for example {@code
     *     {"aws":{"securityGroupsIds":["sg-1"]}}}
     */
    Collection<IpPrefix> prefixes(String json);
  }

  /** These groups and, beside them, more. */
  public CidrGroups with(Collection<CidrGroup> groups) {
    var all = new ArrayList<>(members);
    for (CidrGroup group : groups) {
      List<Label> labels = labels(group);
      group.prefixes().forEach(prefix -> all.add(new Member(prefix, labels)));
    }
    return new CidrGroups(all);
  }

  /** The labels that a group gives each of its prefixes. */
  static List<Label> labels(CidrGroup group) {
    var labels = new ArrayList<Label>();
    labels.add(label(AddressSelectors.CIDR_GROUP_NAME + group.resource().name(), ""));
    group
        .labels()
        .forEach((key, value) -> {
          labels.add(label(key, value));
          labels.add(label(key + "+" + value, ""));
        });
    return labels;
  }

  /** These groups and, beside them, what {@code provider} says of the external ones. */
  public CidrGroups with(Collection<String> externalGroups, ExternalGroups provider) {
    var all = new ArrayList<>(members);
    for (String json : externalGroups) {
      List<Label> labels = List.of(label(AddressSelectors.externalGroupKey(json), ""));
      provider.prefixes(json).forEach(prefix -> all.add(new Member(prefix, labels)));
    }
    return new CidrGroups(all);
  }

  private static Label label(String key, String value) {
    return new Label(LabelSource.CIDR_GROUP, key, value);
  }

  /**
   * The labels of an identity with those of the groups that its prefixes lie in; of two groups that
   * label a key differently the narrower prefix wins. An identity without a prefix is in no group.
   */
  public Labels applyTo(Labels labels) {
    List<IpPrefix> own =
        labels.stream()
            .filter(label -> label.source().equals(LabelSource.CIDR))
            .flatMap(label -> CidrLabels.tryParseKey(label.key()).stream())
            .toList();
    return own.isEmpty() ? labels : labels.with(of(own));
  }

  /** The labels of the groups that hold a prefix, those of shorter prefixes first. */
  public List<Label> of(IpPrefix prefix) {
    return of(List.of(prefix));
  }

  private List<Label> of(List<IpPrefix> prefixes) {
    return members.stream()
        .filter(member -> prefixes.stream().anyMatch(member.prefix::contains))
        .sorted((a, b) -> Integer.compare(a.prefix.length(), b.prefix.length()))
        .flatMap(member -> member.labels.stream())
        .toList();
  }

  /** The groups as a provider: each by its canonical JSON. */
  public static ExternalGroups provider(Map<String, ? extends Collection<IpPrefix>> byJson) {
    Map<String, List<IpPrefix>> copy = new HashMap<>();
    byJson.forEach((json, prefixes) -> copy.put(json, List.copyOf(prefixes)));
    return json -> copy.getOrDefault(json, List.of());
  }
}
