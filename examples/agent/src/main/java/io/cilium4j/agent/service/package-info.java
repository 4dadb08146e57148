// SPDX-License-Identifier: Apache-2.0

/** Services in the words of Cilium's REST API; what they are stands in {@code cilium-service}. */
@org.jspecify.annotations.NullMarked
package io.cilium4j.agent.service;
