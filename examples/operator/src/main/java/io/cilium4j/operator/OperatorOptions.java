// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.identity.IdentityCollector;
import io.cilium4j.ipam.ClusterPool;
import io.cilium4j.ipam.PodPrefixes;
import io.cilium4j.k8s.api.ApiOptions;
import io.cilium4j.k8s.election.LeaderElection;
import io.cilium4j.policy.PolicyConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The operator's options, under the field's names: flags {@code --key=value} or, where there is
 * none, variables {@code CILIUM_KEY}.
 *
 * @param values every option's value, by key
 */
record OperatorOptions(Map<String, String> values) {

  private record Option(String key, String byDefault, String pattern, String summary) {
    String variable() {
      return "CILIUM_" + key.toUpperCase(Locale.ROOT).replace('-', '_');
    }
  }

  /** Largest file of one option. */
  private static final long MAX_BYTES = 1 << 16;

  private static final String DURATION = "(?=.)([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?";
  private static final String TRUTH = "true|false";
  private static final String NUMBER = "[0-9]{1,9}";
  private static final String CIDRS = "[0-9a-fA-F.:/, ]*";

  private static final List<Option> OPTIONS =
      List.of(
          new Option(
              "cluster-store", "", ".*", "folder that the cluster's agents and operators share"),
          new Option(
              "config-dir", "", ".*", "folder of options, a file each, as a ConfigMap is mounted"),
          new Option(
              "enable-k8s",
              "false",
              TRUTH,
              "keep the cluster in the Kubernetes API, as the pod's service account; each"
                  + " k8s-option says so, too"),
          new Option("k8s-kubeconfig-path", "", ".*", "kubeconfig for the Kubernetes API"),
          new Option(
              "k8s-api-server-urls",
              "",
              ".*",
              "where the Kubernetes API is, with commas between; default what the kubeconfig or pod"
                  + " says"),
          new Option("k8s-client-qps", "100", ".*", "most requests a second to the Kubernetes API"),
          new Option("k8s-client-burst", "200", ".*", "most of them at once after a pause"),
          new Option("k8s-namespace", "", ".*", "namespace of the lease; default the account's"),
          new Option(
              "skip-crd-creation",
              "false",
              TRUTH,
              "leave the definitions of custom resources to somebody else"),
          new Option(
              "enable-node-selector-labels",
              "false",
              TRUTH,
              "let policies select nodes by label, as the agents' option does"),
          new Option("cluster-id", "0", NUMBER, "id of the cluster, 0 to 255"),
          new Option(
              "ipam",
              "cluster-pool",
              "cluster-pool|kubernetes|multi-pool",
              "how nodes come by pod CIDRs: from this operator's ranges, from Kubernetes itself, or"
                  + " from pools (CiliumPodIPPool)"),
          new Option(
              PoolSpecs.OPTION,
              "",
              ".*",
              "pools to create where there are none of their names:"
                  + " POOL=ipv4-cidrs:CIDR,CIDR;ipv4-mask-size:NUMBER;ipv6-cidrs:…, with a comma"
                  + " or space between pools"),
          new Option(
              "cluster-pool-ipv4-cidr", "", CIDRS, "IPv4 ranges that pod CIDRs are cut from"),
          new Option(
              "cluster-pool-ipv4-mask-size", "24", NUMBER, "length of a node's IPv4 pod CIDR"),
          new Option(
              "cluster-pool-ipv6-cidr", "", CIDRS, "IPv6 ranges that pod CIDRs are cut from"),
          new Option(
              "cluster-pool-ipv6-mask-size", "112", NUMBER, "length of a node's IPv6 pod CIDR"),
          new Option("identity-allocation-mode", "crd", "crd", "where identities are"),
          new Option(
              "identity-gc-interval",
              "15m0s",
              DURATION,
              "time between two looks for unused identities"),
          new Option(
              "identity-heartbeat-timeout",
              "30m0s",
              DURATION,
              "how long an identity is unused before it may go"),
          new Option(
              "identity-gc-rate-limit", "2500", NUMBER, "most identities deleted in one look"),
          new Option(
              "cilium-endpoint-gc-interval",
              "5m0s",
              DURATION,
              "time between two looks for endpoints of nodes that are gone; 0s for none"),
          new Option(
              "leader-election-lease-duration",
              "15s",
              DURATION,
              "how long others wait before they lead"),
          new Option(
              "leader-election-renew-deadline",
              "10s",
              DURATION,
              "how long the leader goes on without a renewal"),
          new Option(
              "leader-election-retry-period",
              "2s",
              DURATION,
              "time between two looks at the lease"),
          new Option(
              "operator-api-serve-addr",
              "localhost:9234",
              ".*:[0-9]{1,5}",
              "where /healthz and /metrics are served"));

  OperatorOptions {
    values = Map.copyOf(values);
  }

  /**
   * Reads flags, variables and the folder that they name. Of what a folder has only what is known
   * counts: agents read the same one.
   *
   * @throws IllegalArgumentException if one makes no sense; the message is one line
   */
  static OperatorOptions read(List<String> flags, Map<String, String> environment) {
    var values = new LinkedHashMap<String, String>();
    var given = new LinkedHashMap<String, String>();
    for (Option option : OPTIONS) {
      values.put(option.key(), option.byDefault());
      String variable = environment.get(option.variable());
      if (variable != null) {
        given.put(option.key(), check(option, variable, option.variable()));
      }
    }
    for (int i = 0; i < flags.size(); i++) {
      String flag = flags.get(i);
      int equals = flag.indexOf('=');
      String key =
          flag.startsWith("--") ? flag.substring(2, equals < 0 ? flag.length() : equals) : "";
      Option option =
          find(key)
              .orElseThrow(() ->
                  new IllegalArgumentException(
                      flag + ": no such option; see cilium operator --help"));
      if (equals < 0 && ++i == flags.size()) {
        throw new IllegalArgumentException(key + ": a value is missing behind --" + key);
      }
      given.put(key, check(option, equals < 0 ? flags.get(i) : flag.substring(equals + 1), flag));
    }
    values.putAll(folder(given.getOrDefault("config-dir", "")));
    values.putAll(given);
    return new OperatorOptions(values);
  }

  private static Map<String, String> folder(String path) {
    var values = new LinkedHashMap<String, String>();
    for (Option option : path.isEmpty() ? List.<Option>of() : OPTIONS) {
      Path file = Path.of(path).resolve(option.key());
      try {
        if (Files.isRegularFile(file) && Files.size(file) <= MAX_BYTES) {
          values.put(option.key(), check(option, Files.readString(file).strip(), file.toString()));
        }
      } catch (IOException e) {
        throw new IllegalArgumentException("config-dir: " + file + ": cannot be read", e);
      }
    }
    return values;
  }

  private static Optional<Option> find(String key) {
    return OPTIONS.stream().filter(option -> option.key().equals(key)).findFirst();
  }

  private static String check(Option option, String value, String from) {
    if (!value.matches(option.pattern())) {
      throw new IllegalArgumentException(
          option.key() + ": \"" + value + "\" (" + from + "): wanted " + wanted(option));
    }
    return value;
  }

  private static String wanted(Option option) {
    return switch (option.pattern()) {
      case DURATION -> "a duration such as 15m or 1h30m";
      case NUMBER -> "a number";
      case TRUTH -> "true or false";
      case CIDRS -> "a list of prefixes with commas between them";
      default -> "a value such as " + option.byDefault();
    };
  }

  static String help() {
    var text =
        new StringBuilder("Run the operator of a cluster.\n\nUsage: cilium operator [OPTIONS]\n\n");
    for (Option option : OPTIONS) {
      text.append("      --").append(option.key()).append("  ").append(option.summary());
      text.append(option.byDefault().isEmpty() ? "" : " (" + option.byDefault() + ")").append('\n');
    }
    return text.append("\nEach can be set as CILIUM_…, for example CILIUM_CLUSTER_STORE.\n")
        .toString();
  }

  String text(String key) {
    String value = values.get(key);
    if (value == null) {
      throw new IllegalArgumentException(key + ": no such option");
    }
    return value;
  }

  private int number(String key) {
    return Integer.parseInt(text(key));
  }

  private Duration duration(String key) {
    Matcher parts = Pattern.compile(DURATION).matcher(text(key));
    if (!parts.matches()) {
      throw new IllegalArgumentException(key + ": \"" + text(key) + "\": wanted a duration");
    }
    return Duration.ofHours(part(parts.group(1)))
        .plusMinutes(part(parts.group(2)))
        .plusSeconds(part(parts.group(3)));
  }

  private static long part(@org.jspecify.annotations.Nullable String text) {
    return text == null ? 0 : Long.parseLong(text.substring(0, text.length() - 1));
  }

  /**
   * What they ask for.
   *
   * @throws IllegalArgumentException if that cannot be; the message is one line
   */
  OperatorConfig config() {
    if (text("cluster-store").isBlank() == !isKubernetes()) {
      throw new IllegalArgumentException(
          isKubernetes()
              ? "cluster-store: not beside the options of the Kubernetes API (k8s-…)"
              : "cluster-store: missing: the folder that the cluster shares, or an option of the"
                  + " Kubernetes API (k8s-…)");
    }
    var ranges = new ArrayList<ClusterPool.Range>();
    boolean areOurs = text("ipam").equals("cluster-pool");
    if (areOurs) {
      ranges.addAll(ranges("ipv4", IpFamily.IPV4));
      ranges.addAll(ranges("ipv6", IpFamily.IPV6));
    }
    if (areOurs && ranges.isEmpty()) {
      throw new IllegalArgumentException(
          "cluster-pool-ipv4-cidr: missing, and cluster-pool-ipv6-cidr as well: wanted one of"
              + " them");
    }
    try {
      if (areOurs) {
        var _ = new ClusterPool(ranges);
      }
    } catch (IpamException e) {
      throw new IllegalArgumentException(e.getMessage(), e);
    }
    boolean arePools = text("ipam").equals("multi-pool");
    if (!arePools && !text(PoolSpecs.OPTION).isBlank()) {
      throw new IllegalArgumentException(PoolSpecs.OPTION + ": only with ipam=multi-pool");
    }
    return new OperatorConfig(
        ranges,
        arePools ? Optional.of(PoolSpecs.parse(text(PoolSpecs.OPTION))) : Optional.empty(),
        new IdentityCollector.Config(
            number("cluster-id"),
            duration("identity-gc-interval"),
            duration("identity-heartbeat-timeout"),
            number("identity-gc-rate-limit")),
        duration("cilium-endpoint-gc-interval"),
        new LeaderElection.Timing(
            duration("leader-election-lease-duration"),
            duration("leader-election-renew-deadline"),
            duration("leader-election-retry-period")));
  }

  /** Whether the cluster is kept in the Kubernetes API. */
  boolean isKubernetes() {
    return isOn("enable-k8s")
        || !text("k8s-kubeconfig-path").isEmpty()
        || !text("k8s-api-server-urls").isEmpty();
  }

  /** What a policy may say: as the agents take it. */
  PolicyConfig policies() {
    return PolicyConfig.DEFAULT.toBuilder()
        .nodeSelectorLabels(isOn("enable-node-selector-labels"))
        .build();
  }

  /** The options of what asks the Kubernetes API. */
  Map<String, String> kubernetes() {
    return Map.of(
        ApiOptions.KUBECONFIG,
        text("k8s-kubeconfig-path"),
        ApiOptions.SERVERS,
        text("k8s-api-server-urls"),
        ApiOptions.QPS,
        text("k8s-client-qps"),
        ApiOptions.BURST,
        text("k8s-client-burst"),
        ApiOptions.NAMESPACE,
        text("k8s-namespace"));
  }

  boolean isOn(String key) {
    return text(key).equals("true");
  }

  private List<ClusterPool.Range> ranges(String name, IpFamily family) {
    String key = "cluster-pool-" + name + "-cidr";
    var ranges = new ArrayList<ClusterPool.Range>();
    for (String text : text(key).split("[, ]+", -1)) {
      if (text.isEmpty()) {
        continue;
      }
      try {
        IpPrefix prefix = PodPrefixes.parse(text);
        PodPrefixes.require(prefix);
        if (prefix.family() != family) {
          throw new IllegalArgumentException(text + ": of the other address family");
        }
        ranges.add(new ClusterPool.Range(prefix, number("cluster-pool-" + name + "-mask-size")));
      } catch (IllegalArgumentException | IpamException e) {
        throw new IllegalArgumentException(key + ": " + e.getMessage(), e);
      }
    }
    return ranges;
  }
}
