// SPDX-License-Identifier: Apache-2.0

/** Any datapath as people and metrics see it: rows of maps by their names, counters. */
package io.cilium4j.datapath.view;
