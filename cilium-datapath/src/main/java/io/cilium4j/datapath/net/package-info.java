// SPDX-License-Identifier: Apache-2.0

/**
 * Network namespaces, devices, routes and raw frames, in this process: no {@code ip} is started.
 */
package io.cilium4j.datapath.net;
