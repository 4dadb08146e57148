// SPDX-License-Identifier: Apache-2.0

/** The cilium command. */
package io.cilium4j.cli;
