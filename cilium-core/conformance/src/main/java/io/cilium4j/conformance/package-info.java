// SPDX-License-Identifier: Apache-2.0

/** Kits that any implementation of a seam must pass. */
package io.cilium4j.conformance;
