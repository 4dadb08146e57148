// SPDX-License-Identifier: Apache-2.0

/** What a part measures, as values that any exporter can show. */
@org.jspecify.annotations.NullMarked
package io.cilium4j.core.metrics;
