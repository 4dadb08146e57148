// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.test;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.policy.FlowExplanation;
import io.cilium4j.policy.Party;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicySet;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.PortRange;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * The policies of a folder of manifests, to be asserted on.
 *
 * <p>
 *
 * {@snippet :
 * @RegisterExtension
 * static final PolicyTests policies = PolicyTests.policies("src/main/k8s");
 *
 * @Test
 * void backend_isTheFrontendsAlone() {
 *   policies.from("frontend").to("backend").tcp(8080).isAllowed();
 *   policies.from("world").to("backend").tcp(8080).isDenied();
 *   policies.assertOnly(policies.from("frontend").to("backend").tcp(8080));
 * }
 * }
 *
 * <p>A party is named by its workload in the folder ({@code frontend}, or {@code shop/frontend}
 * where two namespaces have one), by an address or prefix ({@code 192.0.2.1}), or as an entity
 * ({@code world}, {@code host}, {@code kube-apiserver}, …). What the folder does not hold is added
 * with {@link #withPod}.
 *
 * <p>Registered as an extension it reports, after the tests of a class, which rules they did not
 * touch: as a report entry of JUnit, and in {@code target/policy-coverage} (or {@code
 * build/policy-coverage}) in a file that has the folder's name.
 *
 * <p>Safe for use by several threads once everything is added.
 */
public final class PolicyTests implements AfterAllCallback {
  private final Path folder;
  private final PolicySet policies;
  private final Map<String, Party.Pod> pods;
  private final Coverage coverage;

  private PolicyTests(Path folder, PolicySet policies, Map<String, Party.Pod> pods) {
    this.folder = folder;
    this.policies = policies;
    this.pods = pods;
    this.coverage = new Coverage(policies);
  }

  /**
   * Reads a folder, with everything below it.
   *
   * @throws IllegalArgumentException if a manifest cannot be understood, or none is a policy
   */
  public static PolicyTests policies(Path folder) {
    return policies(folder, PolicyConfig.DEFAULT);
  }

  /** As {@link #policies(Path)}. */
  public static PolicyTests policies(String folder) {
    return policies(Path.of(folder));
  }

  /** As {@link #policies(Path)}, for agents of this configuration. */
  public static PolicyTests policies(Path folder, PolicyConfig config) {
    Manifests manifests = Manifests.read(folder);
    PolicySet.Builder set =
        PolicySet.builder()
            .config(config)
            .policies(manifests.policies())
            .services(manifests.services().all());
    manifests.namespaces().forEach(set::namespace);
    return new PolicyTests(folder, set.build(), new TreeMap<>(manifests.pods()));
  }

  /** Adds a pod that no manifest of the folder makes. */
  public PolicyTests withPod(String name, Party.Pod pod) {
    pods.put(pod.namespace() + "/" + name, pod);
    return this;
  }

  /** A sender; next comes {@link Sender#to}. */
  public Sender from(String name) {
    return from(party(name), name);
  }

  /** A sender that has no name. */
  public Sender from(Party party) {
    return from(party, party.toString());
  }

  private Sender from(Party party, String name) {
    return new Sender(party, name);
  }

  /** A sender. */
  public final class Sender {
    private final Party from;
    private final String name;

    private Sender(Party from, String name) {
      this.from = from;
      this.name = name;
    }

    /** To a receiver; next comes a port. */
    public PairCheck to(String receiver) {
      return to(party(receiver), receiver);
    }

    /** To a receiver that has no name. */
    public PairCheck to(Party receiver) {
      return to(receiver, receiver.toString());
    }

    private PairCheck to(Party receiver, String called) {
      return new PairCheck(
          PolicyTests.this, new FlowCheck.Pair(from, receiver, name + " -> " + called));
    }
  }

  /** The policies, for other questions. */
  public PolicySet policySet() {
    return policies;
  }

  /** Which rules were touched so far. */
  public Coverage coverage() {
    return coverage;
  }

  FlowExplanation ask(Party from, Party to, PortProtocol port) {
    FlowExplanation why = policies.explain(from, to, port);
    coverage.note(why);
    return why;
  }

  /**
   * Asserts that these flows pass and that no other flow reaches their receivers: on no other port,
   * from no other pod of the folder, not from the world, from other nodes, or from any address that
   * a rule names. The node's own processes reach its pods in any case and are left out.
   *
   * @throws AssertionError with a line for each flow that is missing, and each that is too much
   */
  public void assertOnly(FlowCheck... flows) {
    if (flows.length == 0) {
      throw new IllegalArgumentException("no flow: assertClosed says that nobody reaches one");
    }
    List<String> wrong = new ArrayList<>();
    Set<Party> receivers = new LinkedHashSet<>();
    for (FlowCheck flow : flows) {
      receivers.add(flow.to());
      FlowExplanation why = flow.explain();
      if (!why.isAllowed()) {
        wrong.add(
            flow + " is dropped, and should pass\n" + why.toString().indent(4).stripTrailing());
      }
    }
    receivers.forEach(receiver -> wrong.addAll(tooMuch(receiver, List.of(flows))));
    fail(wrong);
  }

  /** As {@link #assertOnly} without a flow: asserts that nobody reaches a party. */
  public void assertClosed(String receiver) {
    fail(tooMuch(party(receiver), List.of()));
  }

  private static void fail(List<String> wrong) {
    if (!wrong.isEmpty()) {
      throw new AssertionError(String.join("\n", wrong));
    }
  }

  private List<String> tooMuch(Party receiver, List<FlowCheck> wanted) {
    List<String> wrong = new ArrayList<>();
    senders()
        .forEach((name, sender) -> {
          if (sender.equals(receiver)) {
            return;
          }
          List<PortProtocol> ports =
              wanted.stream()
                  .filter(flow -> flow.to().equals(receiver) && isMeant(flow.from(), sender))
                  .map(FlowCheck::port)
                  .toList();
          for (PortRange range : policies.allowed(sender, receiver)) {
            List<PortRange> rest = without(range, ports);
            if (!rest.isEmpty()) {
              wrong.add(
                  name
                      + " -> "
                      + nameOf(receiver)
                      + " "
                      + rest
                      + " passes, and should be dropped\n"
                      + why(sender, receiver, rest.getFirst()).indent(4).stripTrailing());
            }
          }
        });
    return wrong;
  }

  private String why(Party sender, Party receiver, PortRange range) {
    PortProtocol example =
        range.equals(PortRange.ANY)
            ? PortProtocol.tcp(1)
            : new PortProtocol(range.protocol(), range.first());
    return policies.explain(sender, receiver, example).toString();
  }

  /** What is left of a range beside these ports. */
  private static List<PortRange> without(PortRange range, List<PortProtocol> ports) {
    if (range.equals(PortRange.ANY)) {
      return List.of(range); // More than any list of ports.
    }
    List<PortRange> rest = new ArrayList<>();
    int next = range.first();
    for (int port :
        ports.stream().filter(range::contains).mapToInt(PortProtocol::port).sorted().toArray()) {
      if (port > next) {
        rest.add(new PortRange(range.protocol(), next, port - 1));
      }
      next = Math.max(next, port + 1);
    }
    if (next <= range.last()) {
      rest.add(new PortRange(range.protocol(), next, range.last()));
    }
    return rest;
  }

  /** Everybody who may send: one for each group that rules can tell apart. */
  private Map<String, Party> senders() {
    Map<String, Party> senders = new LinkedHashMap<>(pods);
    boolean dual = policies.config().ipv4() && policies.config().ipv6();
    for (ReservedIdentity entity :
        dual
            ? List.of(ReservedIdentity.WORLD_IPV4, ReservedIdentity.WORLD_IPV6)
            : List.of(ReservedIdentity.WORLD)) {
      senders.put(new Party.Entity(entity).toString(), new Party.Entity(entity));
    }
    for (ReservedIdentity entity :
        List.of(ReservedIdentity.REMOTE_NODE, ReservedIdentity.KUBE_APISERVER)) {
      senders.put(new Party.Entity(entity).toString(), new Party.Entity(entity));
    }
    for (IpPrefix prefix : policies.prefixes()) {
      for (IpAddress address : List.of(prefix.address(), last(prefix))) {
        var party = new Party.Addresses(IpPrefix.host(address));
        senders.put(party.toString(), party);
      }
    }
    return senders;
  }

  /**
   * The last address of a prefix: where rules cut a part off its beginning, it stands for the rest.
   */
  private static IpAddress last(IpPrefix prefix) {
    byte[] bytes = prefix.address().bytes();
    for (int bit = prefix.length(); bit < bytes.length * Byte.SIZE; bit++) {
      bytes[bit / Byte.SIZE] |= (byte) (0x80 >>> (bit % Byte.SIZE));
    }
    return IpAddress.ofBytes(bytes);
  }

  /** Whether a flow that a test names by one sender stands for another one's too. */
  private boolean isMeant(Party named, Party sender) {
    boolean world = named.equals(new Party.Entity(ReservedIdentity.WORLD));
    return switch (sender) {
      case Party.Pod _ -> named.equals(sender);
      case Party.Entity entity ->
          named.equals(sender)
              || (world
                  && (entity.identity() == ReservedIdentity.WORLD_IPV4
                      || entity.identity() == ReservedIdentity.WORLD_IPV6));
      case Party.Addresses addresses ->
          world
              || (named instanceof Party.Addresses other
                  && namedPrefixes(other).equals(namedPrefixes(addresses)));
    };
  }

  /** The prefixes of rules that hold an address: those of which this is the same are alike. */
  private List<IpPrefix> namedPrefixes(Party.Addresses addresses) {
    return policies.prefixes().stream()
        .filter(named -> named.contains(addresses.prefix()))
        .toList();
  }

  private String nameOf(Party party) {
    return pods.entrySet().stream()
        .filter(pod -> pod.getValue().equals(party))
        .findFirst()
        .map(Map.Entry::getKey)
        .orElseGet(party::toString);
  }

  private Party party(String name) {
    List<Map.Entry<String, Party.Pod>> named =
        pods.entrySet().stream()
            .filter(pod -> pod.getKey().equals(name) || pod.getKey().endsWith("/" + name))
            .toList();
    if (named.size() > 1) {
      List<String> names = named.stream().map(pod -> pod.getKey()).toList();
      throw new IllegalArgumentException("\"" + name + "\" is one of " + names);
    }
    if (named.size() == 1) {
      return named.getFirst().getValue();
    }
    try {
      return Party.entity(name);
    } catch (IllegalArgumentException noEntity) {
      try {
        return Party.addresses(name);
      } catch (IllegalArgumentException noAddress) {
        throw new IllegalArgumentException(
            "\""
                + name
                + "\" is no workload of "
                + folder
                + " ("
                + String.join(", ", pods.keySet())
                + "), no address, and no entity",
            noAddress);
      }
    }
  }

  /** Reports the coverage; JUnit calls it. */
  @Override
  public void afterAll(ExtensionContext context) throws IOException {
    context.publishReportEntry("policy-coverage", report());
  }

  /** Writes the coverage to its file, where there is a folder of build output; returns it. */
  String report() throws IOException {
    String report = folder + ": " + coverage;
    for (String built : List.of("target", "build")) {
      if (Files.isDirectory(Path.of(built))) {
        Path reports = Files.createDirectories(Path.of(built, "policy-coverage"));
        Files.writeString(reports.resolve(folder.getFileName() + ".txt"), report + "\n");
        break;
      }
    }
    return report;
  }
}
