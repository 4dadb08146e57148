// SPDX-License-Identifier: Apache-2.0
/**
 * What the datapath reported last, and the flow sinks {@code log} and {@code file}, found by name.
 */
package io.cilium4j.datapath.flow;
