// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicySubject;
import io.cilium4j.policy.naive.NaiveEvaluator;
import io.cilium4j.policy.naive.RandomWorld;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Random rules and identities, with an address for each identity: what is there to be decided, and
 * two ways to decide it. {@link #naive} walks the raw rules, {@link #compiled} is what the engine
 * makes of their JSON.
 */
final class RandomCluster {

  /** No identity of this number or of {@link #STRANGE_PREFIX} is known to the policy engine. */
  private static final int STRANGE_POD = 60_000;

  private static final int STRANGE_PREFIX = (1 << 24) + 500;

  private final Random random;
  private final RandomWorld world;
  private final Map<Integer, NaiveEvaluator.Peer> identities;
  private final Map<IpPrefix, Integer> ipcache = new TreeMap<>();
  private List<Map<String, Object>> policies;

  RandomCluster(long seed) {
    this.random = new Random(seed);
    this.world = new RandomWorld(seed);
    this.identities = new TreeMap<>(world.identities());
    this.policies = world.policies();
    giveAddresses();
  }

  /** A prefix has its own addresses; everybody else gets one of either family, by chance. */
  private void giveAddresses() {
    List<Integer> hosts = new ArrayList<>();
    for (int i = 1; i < 100; i++) {
      hosts.add(i);
    }
    Collections.shuffle(hosts, random);
    List<Integer> all = new ArrayList<>(identities.keySet());
    Collections.addAll(all, STRANGE_POD, STRANGE_PREFIX);
    for (int i = 0; i < all.size(); i++) {
      int identity = all.get(i);
      IpPrefix prefix = prefixOf(identity);
      if (prefix != null) {
        ipcache.put(prefix, identity);
      } else {
        int host = hosts.get(i);
        ipcache.put(IpPrefix.host(IpAddress.parse("10.77.0." + host)), identity);
        ipcache.put(IpPrefix.host(IpAddress.parse("2001:db8:77::" + host)), identity);
      }
    }
    if (random.nextBoolean()) {
      ipcache.put(IpPrefix.parse("0.0.0.0/0"), 9);
      ipcache.put(IpPrefix.parse("::/0"), 10);
    }
  }

  private @Nullable IpPrefix prefixOf(int identity) {
    NaiveEvaluator.Peer peer = identities.get(identity);
    if (peer != null && peer.labels().getFirst().startsWith("cidr:")) {
      String key = peer.labels().getFirst().substring(5);
      return IpPrefix.parse(key.contains(".") ? key : key.replace('-', ':'));
    }
    return null;
  }

  /** Other rules for the same identities. */
  void changePolicies() {
    policies = world.policies();
  }

  /** An identity goes, with its addresses; what is left covers them. */
  void forget(int identity) {
    identities.remove(identity);
    ipcache.values().removeIf(each -> each == identity);
  }

  Map<IpPrefix, Integer> ipcache() {
    return Collections.unmodifiableMap(ipcache);
  }

  /** The identities of pods. */
  List<Integer> pods() {
    return identities.keySet().stream().filter(id -> id >= 1000 && id < 2000).toList();
  }

  /** An identity that may go while these stay. */
  int expendable(List<Integer> needed) {
    List<Integer> candidates = new ArrayList<>(identities.keySet());
    candidates.removeIf(id -> id < 1000 || needed.contains(id));
    return candidates.get(random.nextInt(candidates.size()));
  }

  /** How many rules there are: every item of every section of every policy. */
  int rules() {
    int count = 0;
    for (Map<String, Object> policy : policies) {
      if (policy.get("spec") instanceof Map<?, ?> spec) {
        for (String section : List.of("ingress", "ingressDeny", "egress", "egressDeny")) {
          count += spec.get(section) instanceof List<?> items ? items.size() : 0;
        }
      }
    }
    return count;
  }

  /** The rules as text, for the report of a disagreement. */
  String rulesAsJson() {
    return json(policies);
  }

  NaiveEvaluator naive() {
    return new NaiveEvaluator(policies, identities, true, false);
  }

  /** The engine's word for each subject; one object for each identity. */
  Map<Integer, PolicyMapState> compiled(List<Integer> subjects) {
    PolicyConfig config = PolicyConfig.DEFAULT;
    var repository = new PolicyRepository(config);
    for (Map<String, Object> policy : policies) {
      repository.add(PolicyParser.parse(json(policy), "random", config));
    }
    List<IdentitiesSnapshot.Peer> peers = new ArrayList<>();
    identities.forEach(
        (id, peer) -> peers.add(new IdentitiesSnapshot.Peer(identity(id, peer), namedPorts(peer))));
    IdentitiesSnapshot snapshot = IdentitiesSnapshot.reserved().with(peers);
    var compiler = new PolicyCompiler(config);
    Map<Integer, PolicyMapState> states = new HashMap<>();
    for (int subject : subjects) {
      NaiveEvaluator.Peer peer = identities.getOrDefault(subject, NOBODY);
      states.computeIfAbsent(
          subject,
          id ->
              compiler
                  .compile(
                      new PolicySubject(identity(id, peer), namedPorts(peer), null),
                      repository.snapshot(),
                      snapshot)
                  .state());
    }
    return states;
  }

  private static final NaiveEvaluator.Peer NOBODY = new NaiveEvaluator.Peer(List.of(), Map.of());

  private static Identity identity(int id, NaiveEvaluator.Peer peer) {
    return new Identity(id, Labels.parse(peer.labels()));
  }

  private static Map<String, NamedPort> namedPorts(NaiveEvaluator.Peer peer) {
    Map<String, NamedPort> ports = new HashMap<>();
    peer.namedPorts().forEach((name, port) -> ports.put(name, new NamedPort(6, port)));
    return ports;
  }

  /** The longest prefix that an address begins with, by comparing texts of zeros and ones. */
  int identityOf(IpAddress address) {
    String bits = bits(address);
    int identity = 2;
    int longest = -1;
    for (Map.Entry<IpPrefix, Integer> entry : ipcache.entrySet()) {
      IpPrefix prefix = entry.getKey();
      if (prefix.address().isV4() == address.isV4()
          && prefix.length() > longest
          && bits.startsWith(bits(prefix.address()).substring(0, prefix.length()))) {
        longest = prefix.length();
        identity = entry.getValue();
      }
    }
    return identity;
  }

  private static String bits(IpAddress address) {
    var text = new StringBuilder();
    for (byte each : address.bytes()) {
      text.append(Integer.toBinaryString((each & 0xff) | 0x100).substring(1));
    }
    return text.toString();
  }

  /** Some address of the family: of somebody known, near somebody known, or of nobody. */
  IpAddress address(boolean v4) {
    List<IpPrefix> prefixes =
        ipcache.keySet().stream().filter(prefix -> prefix.address().isV4() == v4).toList();
    // Plus one where it is unspecified: nobody sends from :: or to it.
    IpAddress first = prefixes.get(random.nextInt(prefixes.size())).address();
    // Neither the unspecified address nor the loopback's: what is sent there ends at the node.
    IpAddress base = first.high() == 0 && first.low() == 0 ? first.plus(2) : first;
    return switch (random.nextInt(8)) {
      case 0 -> v4 ? IpAddress.parse("192.0.2.1").plus(random.nextInt(200)) : base.plus(0x7000);
      case 1, 2 -> base.plus(random.nextInt(600));
      default -> base;
    };
  }

  /** The trees hold texts without quotes, numbers, truths, lists and maps. */
  private static String json(Object tree) {
    return switch (tree) {
      case String text -> '"' + text + '"';
      case Map<?, ?> map -> {
        List<String> members = new ArrayList<>();
        map.forEach((key, value) -> members.add(json(key) + ":" + json(value)));
        yield "{" + String.join(",", members) + "}";
      }
      case List<?> list -> {
        List<String> items = new ArrayList<>();
        list.forEach(item -> items.add(json(item)));
        yield "[" + String.join(",", items) + "]";
      }
      default -> tree.toString();
    };
  }
}
