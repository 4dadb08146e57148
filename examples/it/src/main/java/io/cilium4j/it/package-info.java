// SPDX-License-Identifier: Apache-2.0

/** Whole-system tests. */
package io.cilium4j.it;
