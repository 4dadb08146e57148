// SPDX-License-Identifier: Apache-2.0

/** Addresses for endpoints. */
package io.cilium4j.ipam;
