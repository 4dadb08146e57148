// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

/** Whether the programs write down where each packet goes, which a test run does not tell. */
enum Recording {
  OFF,
  ON
}
