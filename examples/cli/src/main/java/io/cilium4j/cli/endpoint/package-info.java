// SPDX-License-Identifier: Apache-2.0

/**
 * Commands about workloads: {@code endpoint}, {@code identity}, {@code ip}, {@code fqdn}, {@code
 * debug pod}.
 */
package io.cilium4j.cli.endpoint;
