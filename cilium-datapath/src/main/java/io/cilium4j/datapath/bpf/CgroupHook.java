// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/** Where a program sees the sockets of a cgroup; the numbers are {@code enum bpf_attach_type}. */
public enum CgroupHook {
  // connect(2), where a service's address is exchanged for that of one of its backends.
  INET4_CONNECT(10),
  INET6_CONNECT(11),
  // Datagrams of sockets that are not connected, out and in.
  UDP4_SENDMSG(14),
  UDP6_SENDMSG(15),
  UDP4_RECVMSG(19),
  UDP6_RECVMSG(20),
  // What getpeername(2) answers, which should be the service again; kernel 5.8 and newer.
  INET4_GETPEERNAME(29),
  INET6_GETPEERNAME(30);

  private final int attachType;

  CgroupHook(int attachType) {
    this.attachType = attachType;
  }

  /** The number that a link is created with. */
  int attachType() {
    return attachType;
  }
}
