// SPDX-License-Identifier: Apache-2.0

/** Commands about the cluster: {@code node}, {@code nodeid}, {@code encrypt}, {@code kvstore}. */
package io.cilium4j.cli.cluster;
