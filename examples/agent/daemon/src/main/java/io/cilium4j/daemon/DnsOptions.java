// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.DnsConfig;
import io.cilium4j.daemon.DaemonOption.Adder;
import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;
import io.cilium4j.datapath.proxy.DnsLimits;
import io.cilium4j.datapath.proxy.DnsLimits.Refusal;
import java.time.Duration;
import java.util.List;

/** Options of rules on DNS, and of rules that name DNS names. */
final class DnsOptions {

  private static final String REFUSAL = "tofqdns-dns-reject-response-code";
  private static final String HOLD = "tofqdns-proxy-response-max-delay";
  private static final String MIN_TTL = "tofqdns-min-ttl";
  private static final String ADDRESSES = "tofqdns-endpoint-max-ip-per-hostname";
  private static final String KEPT = "tofqdns-max-deferred-connection-deletes";
  private static final String GRACE = "tofqdns-idle-connection-grace-period";
  private static final String CONCURRENCY = "dnsproxy-concurrency-limit";
  private static final String LINGER = "dnsproxy-socket-linger-timeout";

  /** Longest time that a client waits for an answer that is held: resolvers ask again after 5 s. */
  private static final Duration MAX_HOLD = Duration.ofSeconds(5);

  private static final int MAX_ADDRESSES = 10_000;
  private static final int MAX_KEPT = 1_000_000;
  private static final int MAX_CONCURRENCY = 1 << 20;
  private static final int MAX_LINGER_SECONDS = 60;

  private DnsOptions() {}

  static void addTo(Adder all) {
    Group group = Group.POLICY;
    all.add(
        group,
        REFUSAL,
        Kind.TEXT,
        "refused",
        "how names are refused that no rule allows: refused, nameError",
        "refused",
        "nameError");
    all.add(
        group,
        HOLD,
        Kind.DURATION,
        "100ms",
        "how long an answer of DNS is held until policies know its addresses, up to 5s");
    all.add(
        group, MIN_TTL, Kind.NUMBER, "0", "seconds that the address of a DNS name counts at least");
    all.add(
        group,
        ADDRESSES,
        Kind.NUMBER,
        "1000",
        "most addresses of a DNS name that an endpoint may use, 1 to 10000");
    all.add(
        group,
        KEPT,
        Kind.NUMBER,
        "10000",
        "most addresses whose time is over that an endpoint keeps for its connections");
    all.add(
        group,
        GRACE,
        Kind.DURATION,
        "0s",
        "how long such an address is kept that no connection uses");
    all.add(
        group,
        CONCURRENCY,
        Kind.NUMBER,
        "0",
        "most questions to DNS that wait for an answer; 0 for 16384");
    all.add(group, LINGER, Kind.NUMBER, "10", "seconds that a DNS server has to answer, 1 to 60");
    all.add(
        group,
        "tofqdns-enable-dns-compression",
        Kind.TRUTH,
        "true",
        "leave names in answers compressed: they are passed on as they came",
        "true");
    all.add(
        group,
        "dnsproxy-enable-transparent-mode",
        Kind.TRUTH,
        "true",
        "ask servers under the address of the pod",
        "true");
    all.add(
        group,
        "tofqdns-proxy-port",
        Kind.NUMBER,
        "0",
        "the port of the DNS proxy: none, for it has a network of its own",
        "0");
    all.add(
        group,
        "dnsproxy-concurrency-processing-grace-period",
        Kind.DURATION,
        "0s",
        "how long a question waits while too many do: it is dropped, and clients ask again",
        "0s",
        "0");
    all.add(
        group,
        "tofqdns-preallocate-identities",
        Kind.TRUTH,
        "true",
        "without effect: identities of names are made once an answer needs them");
    all.add(
        group,
        "dns-max-ips-per-restored-rule",
        Kind.NUMBER,
        "1000",
        "without effect: after a restart rules are read before a question is decided");
    for (String key : List.of("dns-policy-unload-on-shutdown", "enable-standalone-dns-proxy")) {
      all.add(Group.LATER, key, Kind.TRUTH, "false", "", "false");
    }
    all.add(Group.LATER, "tofqdns-pre-cache", Kind.PATH, "", "", "");
  }

  static DnsConfig read(DaemonSettings settings) {
    int concurrency = within(settings, CONCURRENCY, 0, MAX_CONCURRENCY);
    int questions = concurrency == 0 ? DnsLimits.DEFAULT.questions() : concurrency;
    Duration hold = settings.duration(HOLD);
    if (hold.compareTo(MAX_HOLD) > 0) {
      throw new OptionException(HOLD + ": " + hold.toMillis() + "ms: wanted 0 to 5s");
    }
    return new DnsConfig(
        new DnsLimits(
            settings.text(REFUSAL).equals("refused") ? Refusal.REFUSED : Refusal.NAME_ERROR,
            hold,
            Duration.ofSeconds(within(settings, LINGER, 1, MAX_LINGER_SECONDS)),
            questions,
            Math.min(questions, DnsLimits.DEFAULT.endpointQuestions())),
        Duration.ofSeconds(within(settings, MIN_TTL, 0, Integer.MAX_VALUE)),
        within(settings, ADDRESSES, 1, MAX_ADDRESSES),
        within(settings, KEPT, 0, MAX_KEPT),
        settings.duration(GRACE));
  }

  private static int within(DaemonSettings settings, String option, int least, int most) {
    int value = settings.number(option);
    if (value < least || value > most) {
      throw new OptionException(option + ": " + value + ": wanted " + least + " to " + most);
    }
    return value;
  }
}
