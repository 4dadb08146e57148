// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.config.Seam;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Flow;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSinkProvider;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.flow.FlowFollower;
import io.cilium4j.datapath.flow.FlowLog;
import java.util.Map;
import java.util.Optional;

/** What the datapath reports of packets: kept for a while, and handed to the sinks. */
public final class FlowFeature implements Feature {
  private final FlowLog flows;
  private final FlowFollower follower;
  private final KnownAddresses addresses;

  /** Opens the sinks. */
  public FlowFeature(
      FeatureContext context,
      DatapathFeature datapath,
      IdentityFeature identity,
      PolicyFeature policy,
      EndpointFeature endpoints,
      SourceFeature source,
      ServicesFeature services,
      DnsCache dnsCache) {
    this.addresses =
        new KnownAddresses(
            context.config().store(), services.frontends(), context.thread("flow-names"));
    this.flows =
        new FlowLog(
            new PresentRules(policy),
            flow -> match(flow, endpoints.table(), policy),
            new KnownParties(
                identity.allocator().identities(),
                endpoints.table(),
                source.pods(),
                addresses,
                dnsCache),
            endpoints.options()::isWanted,
            context.config().flowsKept());
    this.follower = new FlowFollower(datapath.datapath(), flows);
    for (Seam<FlowSinkProvider> wanted : context.config().flowSinks()) {
      FlowSink sink = context.opened().add(wanted.provider().get().open(wanted.options()));
      flows.listen(reported -> {
        if (reported.isReport()) {
          sink.accept(reported.flow());
        }
      });
    }
  }

  /** The rules as they are at each question. */
  private record PresentRules(PolicyFeature policy) implements FlowLog.Rules {
    @Override
    public Optional<RuleOrigin> origin(int cookie) {
      return policy.rules().snapshot().origin(cookie);
    }

    @Override
    public long revision() {
      return policy.rules().snapshot().revision();
    }
  }

  /** How closely the rule names the packet, as its endpoint's policy has it by now. */
  private static PolicyMatch match(
      Flow flow, Table<Integer, Endpoint> endpoints, PolicyFeature policy) {
    boolean ingress = flow.direction() == TrafficDirection.INGRESS;
    return endpoints
        .get(flow.endpointId())
        .flatMap(policy.controller()::policyOf)
        .map(compiled ->
            compiled
                .state()
                .match(
                    flow.direction(),
                    ingress ? flow.sourceIdentity() : flow.destinationIdentity(),
                    flow.protocol(),
                    flow.destinationPort(),
                    flow.cookie()))
        .orElse(PolicyMatch.NONE);
  }

  /** The last flows. */
  public FlowLog flows() {
    return flows;
  }

  @Override
  public Map<String, String> problems() {
    return flows.problems();
  }

  @Override
  public void join(Lifecycle lifecycle) {
    addresses.join(lifecycle);
    lifecycle.add("flow log", follower);
  }
}
