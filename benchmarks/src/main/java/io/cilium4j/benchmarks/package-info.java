// SPDX-License-Identifier: Apache-2.0

/**
 * What is measured, and how: {@code benchmarks/run NAME} starts one measurement and prints a plain
 * table. The figures, and what each is compared with, stand in {@code docs/performance.md}.
 *
 * <p>Read {@link io.cilium4j.benchmarks.Benchmarks} first, then {@link
 * io.cilium4j.benchmarks.PacketBenchmark}, the simplest. Two helpers carry all of them: {@link
 * io.cilium4j.benchmarks.BenchNode}, a node with pods under an instance of its own, and {@link
 * io.cilium4j.benchmarks.Samples}, which says what may be claimed of noisy numbers.
 *
 * <p>The programs under {@code src/main/bpf} include the datapath's own headers, so that what is
 * timed is the code that runs, and share its pinned maps. They add what a test run lacks: another
 * tuple for each run, or a part of the work left out for comparison.
 */
package io.cilium4j.benchmarks;
