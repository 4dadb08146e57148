// SPDX-License-Identifier: Apache-2.0

/**
 * Services: an address and port that stays (the frontend), and those behind it that come and go
 * (the backends).
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.core.service;
