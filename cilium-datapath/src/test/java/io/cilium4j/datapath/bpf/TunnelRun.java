// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;

/** Runs a program over packets that come out of a tunnel. */
public final class TunnelRun implements AutoCloseable {
  private final BpfObject object;
  private final BpfProgram before;
  private final TestRun run;

  /** The program stays the caller's. */
  public TunnelRun(BpfProgram program, int maxPacketBytes) {
    object =
        BpfObject.open(Path.of("target/test-classes/io/cilium4j/datapath/bpf/tunnel.bpf.o")).load();
    before = object.program("out_of_tunnel");
    run = before.testRunner(maxPacketBytes);
    try (Fd next = program.duplicate();
        var programs = object.map("c4j_next", Codec.u32(), Codec.u32())) {
      programs.put(0, next.get());
    }
  }

  /**
   * One run.
   *
   * @param key the tunnel's
   * @param node the IPv4 address that the tunnel's packet came from
   */
  public TestRunResult run(byte[] frame, int key, byte[] node) {
    int address = ByteBuffer.wrap(node).getInt();
    var context = new SkbContext(0, 0, 0, 0, List.of(key, address, 0, 0, 0));
    return run.run(frame, TestRunOptions.with(context));
  }

  @Override
  public void close() {
    run.close();
    before.close();
    object.close();
  }
}
