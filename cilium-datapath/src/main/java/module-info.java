// SPDX-License-Identifier: Apache-2.0

/** The work per packet, in the kernel or in user space. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.datapath {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.documents;
  requires org.slf4j;

  exports io.cilium4j.datapath.bpf;
  exports io.cilium4j.datapath.ebpf;
  exports io.cilium4j.datapath.flow;
  exports io.cilium4j.datapath.memory;
  exports io.cilium4j.datapath.net;
  exports io.cilium4j.datapath.recorder;
  exports io.cilium4j.datapath.view;

  provides io.cilium4j.core.spi.FileWriters with
      io.cilium4j.datapath.files.LeasedFiles;
  provides io.cilium4j.core.spi.FlowSinkProvider with
      io.cilium4j.datapath.flow.FileFlowSinkProvider,
      io.cilium4j.datapath.flow.LogFlowSinkProvider;
  provides io.cilium4j.core.spi.DatapathProvider with
      io.cilium4j.datapath.ebpf.EbpfDatapathProvider,
      io.cilium4j.datapath.memory.MemoryDatapathProvider;
}
