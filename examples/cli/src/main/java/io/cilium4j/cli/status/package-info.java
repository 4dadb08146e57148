// SPDX-License-Identifier: Apache-2.0

/** Commands about the agent itself: its status, configuration, metrics, tables and events. */
package io.cilium4j.cli.status;
