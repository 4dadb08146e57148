// SPDX-License-Identifier: Apache-2.0
/**
 * The agent as a daemon: {@code cilium agent} and {@code cilium cleanup}.
 *
 * <p>{@link io.cilium4j.daemon.Main} reads the {@code DaemonSettings} (flags, environment, folder
 * or file; the known options are in {@code DaemonOptions}) and starts a {@code Daemon}: the agent,
 * and around it the API, the {@code MonitorServer} that sends flows to {@code cilium monitor}, and
 * the {@code MetricsServer}. It ends by SIGTERM, the last part first; what the datapath enforces
 * stays.
 *
 * <p>A program that wants an agent inside itself takes {@code io.cilium4j.agent} and none of this.
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.daemon;
