// SPDX-License-Identifier: Apache-2.0

/** What both datapaths share about services. */
package io.cilium4j.datapath.lb;
