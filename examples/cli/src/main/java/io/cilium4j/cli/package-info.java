// SPDX-License-Identifier: Apache-2.0
/**
 * The {@code cilium} command.
 *
 * <p>Commands come in groups: {@code cilium policy verdict} is the command {@code verdict} of the
 * group {@code policy}. A group is one class, a {@link io.cilium4j.cli.CommandGroup}, which lists
 * what its commands are called with and runs them. A new group is such a class and one line in
 * {@link io.cilium4j.cli.Groups}.
 *
 * <p>Read {@link io.cilium4j.cli.Main} first, then {@link io.cilium4j.cli.Cli}, which finds the
 * command, then a group. A command reads its {@link io.cilium4j.cli.Arguments} and talks to a
 * {@link io.cilium4j.cli.Console}, never to {@code System}, so that tests run it in-process.
 *
 * <p>The command line is read by a hundred lines of our own: the command has to be there at once,
 * and a parser that reflects over 150 commands costs more time than the answer. Only the class of
 * the group that is asked for is ever loaded.
 *
 * <p>Exit codes: 0 done, 1 the answer is bad news or something could not be read, 2 the command
 * line makes no sense. Whatever goes wrong is one line on the error stream.
 */
package io.cilium4j.cli;
