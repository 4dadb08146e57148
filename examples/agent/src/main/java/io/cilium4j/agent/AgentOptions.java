// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Flow;
import io.cilium4j.core.Verdict;
import io.cilium4j.policy.EnforcementMode;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * What can be changed while the agent runs. An endpoint's own options go before the agent's.
 *
 * <p>Safe for use by several threads.
 */
public final class AgentOptions {
  private final IntFunction<Map<String, Boolean>> own;
  private final Consumer<EnforcementMode> enforce;
  private final Runnable changed;
  private volatile Map<AgentOption, Boolean> options;
  private volatile EnforcementMode enforcement;

  /**
   * @param own an endpoint's own options, by name; those not named are the agent's
   * @param on those that are on though they are not by default
   * @param enforce carries another mode out
   * @param changed told after each change of an option
   */
  public AgentOptions(
      IntFunction<Map<String, Boolean>> own,
      Set<AgentOption> on,
      EnforcementMode enforcement,
      Consumer<EnforcementMode> enforce,
      Runnable changed) {
    this.own = own;
    this.enforcement = enforcement;
    this.enforce = enforce;
    this.changed = changed;
    var all = new EnumMap<AgentOption, Boolean>(AgentOption.class);
    for (AgentOption option : AgentOption.values()) {
      all.put(option, option.isOnByDefault() || on.contains(option));
    }
    this.options = Map.copyOf(all);
  }

  /** Every option of the agent. */
  public Map<AgentOption, Boolean> options() {
    return options;
  }

  /** Changes some of the agent's options. */
  public synchronized void change(Map<AgentOption, Boolean> wanted) {
    var all = new EnumMap<>(options);
    all.putAll(wanted);
    options = Map.copyOf(all);
    changed.run();
  }

  /** Every option as it holds for an endpoint. */
  public Map<AgentOption, Boolean> optionsOf(int endpointId) {
    var all = new EnumMap<AgentOption, Boolean>(AgentOption.class);
    for (AgentOption option : AgentOption.values()) {
      all.put(option, isOn(option, endpointId));
    }
    return all;
  }

  /** Whether an option is on for an endpoint. */
  public boolean isOn(AgentOption option, int endpointId) {
    boolean ofAgent = options.getOrDefault(option, option.isOnByDefault());
    return own.apply(endpointId).getOrDefault(option.toString(), ofAgent);
  }

  /** Whether somebody wants to hear of a flow. */
  public boolean isWanted(Flow flow) {
    return isOn(optionOf(flow), flow.endpointId());
  }

  private static AgentOption optionOf(Flow flow) {
    if (flow.trace().isPresent()) {
      return AgentOption.TRACE_NOTIFICATION;
    }
    return flow.verdict() == Verdict.DENIED
        ? AgentOption.DROP_NOTIFICATION
        : AgentOption.POLICY_VERDICT_NOTIFICATION;
  }

  /** When endpoints are restricted. */
  public EnforcementMode enforcement() {
    return enforcement;
  }

  /** Restricts endpoints by another mode, soon. */
  public synchronized void setEnforcement(EnforcementMode mode) {
    if (mode != enforcement) {
      enforcement = mode;
      enforce.accept(mode);
    }
  }
}
