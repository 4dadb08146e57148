// SPDX-License-Identifier: Apache-2.0
/**
 * The page on loopback that shows flows, why they were denied, endpoints and policies. Start with
 * {@link io.cilium4j.daemon.ui.UiServer}.
 */
package io.cilium4j.daemon.ui;
