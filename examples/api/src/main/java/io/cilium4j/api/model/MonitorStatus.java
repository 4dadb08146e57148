// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** The buffers by which the kernel reports events. */
public record MonitorStatus(long cpus, long npages, long pagesize, long lost, long unknown) {}
