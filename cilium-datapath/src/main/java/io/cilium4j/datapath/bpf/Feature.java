// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/** What this package can ask the kernel about, with the version that brought it. */
public enum Feature {
  /** The bpf system call, usable by this process: a trivial socket filter loads. */
  BPF("3.19"),

  /** Hash maps that evict the least recently used. */
  MAP_LRU_HASH("4.10"),

  /** Longest-prefix-match maps. */
  MAP_LPM_TRIE("4.11"),

  /** Ring buffers shared by all CPUs. */
  MAP_RINGBUF("5.8"),

  /** Updating many elements of a map by one system call. */
  MAP_BATCH("5.6"),

  /** Links from a device to tc programs, without a qdisc. */
  TCX_LINK("6.6"),

  /** {@code bpf_redirect_peer}: into the other end of a veth pair, past its host's hooks. */
  HELPER_REDIRECT_PEER("5.10"),

  /** {@code bpf_ktime_get_coarse_ns}: a cheap clock. */
  HELPER_KTIME_GET_COARSE_NS("5.11"),

  /** {@code bpf_skb_ct_lookup}: what the kernel's connection tracking knows of a packet. */
  KFUNC_SKB_CT_LOOKUP("5.18");

  private final String since;

  Feature(String since) {
    this.since = since;
  }

  /** The first kernel version that has it. */
  public String since() {
    return since;
  }
}
