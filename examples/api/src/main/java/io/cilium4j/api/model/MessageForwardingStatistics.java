// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** What a proxy did with messages. */
public record MessageForwardingStatistics(long received, long denied, long error, long forwarded) {}
