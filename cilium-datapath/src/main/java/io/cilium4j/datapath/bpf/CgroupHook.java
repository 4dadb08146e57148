// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/** Where a program sees the sockets of a cgroup; the numbers are {@code enum bpf_attach_type}. */
public enum CgroupHook {
  INET4_CONNECT(10),
  INET6_CONNECT(11),
  UDP4_SENDMSG(14),
  UDP6_SENDMSG(15),
  UDP4_RECVMSG(19),
  UDP6_RECVMSG(20),
  INET4_GETPEERNAME(29),
  INET6_GETPEERNAME(30);

  private final int attachType;

  CgroupHook(int attachType) {
    this.attachType = attachType;
  }

  int attachType() {
    return attachType;
  }
}
