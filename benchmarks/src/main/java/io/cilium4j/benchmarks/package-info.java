// SPDX-License-Identifier: Apache-2.0

/** Measurements. */
package io.cilium4j.benchmarks;
