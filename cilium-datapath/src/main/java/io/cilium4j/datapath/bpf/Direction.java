// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/** Which packets of a device a program sees, from where the device stands. */
public enum Direction {
  /** Packets that the device received. Of a pod's host-side veth: what the pod sends. */
  INGRESS(46, 1),

  /** Packets about to leave through the device. Of a pod's host-side veth: what the pod gets. */
  EGRESS(47, 2);

  private final int tcxAttachType;
  private final int tcAttachPoint;

  Direction(int tcxAttachType, int tcAttachPoint) {
    this.tcxAttachType = tcxAttachType;
    this.tcAttachPoint = tcAttachPoint;
  }

  /** {@code BPF_TCX_INGRESS} or {@code BPF_TCX_EGRESS}, which libbpf 1.1 has no names for. */
  int tcxAttachType() {
    return tcxAttachType;
  }

  /** {@code BPF_TC_INGRESS} or {@code BPF_TC_EGRESS} of libbpf. */
  int tcAttachPoint() {
    return tcAttachPoint;
  }
}
