// SPDX-License-Identifier: Apache-2.0

/** The work per packet, in the kernel or in user space. */
package io.cilium4j.datapath;
