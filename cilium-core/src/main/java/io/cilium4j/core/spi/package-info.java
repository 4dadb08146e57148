// SPDX-License-Identifier: Apache-2.0

/**
 * The seams. Each is small, is found by {@link java.util.ServiceLoader}, and has a kit in the
 * module {@code io.cilium4j.conformance} that any implementation must pass.
 */
package io.cilium4j.core.spi;
