// SPDX-License-Identifier: Apache-2.0

/** Cilium4j as a dependency. */
package io.cilium4j.embedded;
