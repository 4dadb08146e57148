// SPDX-License-Identifier: Apache-2.0

/**
 * The {@code cilium} command.
 *
 * <p>Commands come in groups: {@code cilium policy verdict} is the command {@code verdict} of the
 * group {@code policy}. A group is one class, a {@link io.cilium4j.cli.command.CommandGroup}, in
 * the package of its subject. A new group is such a class and one line in {@link
 * io.cilium4j.cli.Groups}.
 *
 * <p>Read {@link io.cilium4j.cli.Main} first, then {@link io.cilium4j.cli.Cli}, which finds the
 * command, then {@code io.cilium4j.cli.command}, then a group. Groups know nothing of the classes
 * here.
 *
 * <p>Only the class of the group that is asked for is ever loaded: the command has to be there at
 * once. For the same reason a hundred lines of our own read the command line, and no library.
 *
 * <p>Exit codes: 0 done, 1 the answer is bad news or something could not be read, 2 the command
 * line makes no sense. Whatever goes wrong is one line on the error stream.
 */
package io.cilium4j.cli;
