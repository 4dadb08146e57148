// SPDX-License-Identifier: Apache-2.0

/**
 * What every command is made of.
 *
 * <p>A group of commands is a {@link io.cilium4j.cli.command.CommandGroup}, which lists what its
 * commands are called with ({@link io.cilium4j.cli.command.CommandSpec}) and runs them. A command
 * reads its {@link io.cilium4j.cli.command.Arguments}, asks the agent or the health API through the
 * {@link io.cilium4j.cli.command.Session}, and writes to the {@link
 * io.cilium4j.cli.command.Console}, never to {@code System}, so that tests run it in-process. What
 * goes wrong is a {@link io.cilium4j.cli.command.CommandException} or, if the command line makes no
 * sense, a {@link io.cilium4j.cli.command.UsageException}.
 */
package io.cilium4j.cli.command;
