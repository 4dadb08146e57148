// SPDX-License-Identifier: Apache-2.0

/** Commands about policies: {@code policy}, {@code preflight}, {@code prefilter}. */
package io.cilium4j.cli.policy;
