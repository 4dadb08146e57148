// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/**
 * The kernel's map types in the kernel's order: a constant's ordinal is its number in {@code enum
 * bpf_map_type}, which only ever grows at its end. Complete to kernel 6.2; the datapath uses six.
 */
public enum MapType {
  /** No type; also every type newer than this list. */
  UNSPEC,
  HASH,
  ARRAY,
  PROG_ARRAY,
  PERF_EVENT_ARRAY,
  PERCPU_HASH,
  PERCPU_ARRAY,
  STACK_TRACE,
  CGROUP_ARRAY,
  LRU_HASH,
  LRU_PERCPU_HASH,
  LPM_TRIE,
  ARRAY_OF_MAPS,
  HASH_OF_MAPS,
  DEVMAP,
  SOCKMAP,
  CPUMAP,
  XSKMAP,
  SOCKHASH,
  CGROUP_STORAGE,
  REUSEPORT_SOCKARRAY,
  PERCPU_CGROUP_STORAGE,
  QUEUE,
  STACK,
  SK_STORAGE,
  DEVMAP_HASH,
  STRUCT_OPS,
  RINGBUF,
  INODE_STORAGE,
  TASK_STORAGE,
  BLOOM_FILTER,
  USER_RINGBUF,
  CGRP_STORAGE;

  /** Copied once: {@code values()} makes an array at each call. */
  private static final MapType[] BY_NUMBER = values();

  /** The type with this number, {@link #UNSPEC} for one that is not listed. */
  static MapType of(int number) {
    return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : UNSPEC;
  }

  /** The number of this type in {@code enum bpf_map_type}. */
  @SuppressWarnings("EnumOrdinal") // the order is the kernel's ABI, which never changes
  public int number() {
    return ordinal();
  }

  /** Whether keys lie in buckets, which {@link MapWalk} reads one after the other. */
  boolean isHash() {
    return this == HASH || this == PERCPU_HASH || this == LRU_HASH || this == LRU_PERCPU_HASH;
  }

  /** Whether a value exists once for each possible CPU. */
  public boolean isPerCpu() {
    return this == PERCPU_HASH || this == PERCPU_ARRAY || this == LRU_PERCPU_HASH;
  }
}
