// SPDX-License-Identifier: Apache-2.0
/** The flow sinks that come with the agent, found by name. */
package io.cilium4j.agent.flow;
