// SPDX-License-Identifier: Apache-2.0

/** The agent of one node. */
package io.cilium4j.agent;
