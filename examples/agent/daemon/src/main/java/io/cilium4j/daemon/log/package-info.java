// SPDX-License-Identifier: Apache-2.0
/**
 * Structured logs of the daemon: {@link io.cilium4j.daemon.log.LogProvider} is what SLF4J finds,
 * and {@link io.cilium4j.daemon.log.LogSetup} what the options decide. It belongs to the daemon and
 * not to the agent: a program that embeds the agent has logs of its own.
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.daemon.log;
