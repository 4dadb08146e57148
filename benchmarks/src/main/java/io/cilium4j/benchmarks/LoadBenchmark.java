// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.datapath.bpf.BpfObject;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.module.ModuleReader;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How long the kernel takes for each object of the datapath, from the file's bytes in memory to
 * programs that can be attached: nearly all of it is the verifier's. The maps are there already, as
 * at a restart, and every branch is switched on, also those of the tunnel and of the proxy.
 */
final class LoadBenchmark {
  private static final List<String> OBJECTS =
      List.of(
          "bpf_lxc", "bpf_host", "bpf_overlay", "bpf_proxy", "bpf_netdev", "bpf_steer", "bpf_sock");

  /** Any numbers: nothing is sent. */
  private static final Map<String, Integer> SWITCHES =
      Map.of("cfg_tunnel_device", 1, "cfg_tunnel_port", 8472, "cfg_proxy_device", 1);

  private static final int ROUNDS = 20;

  private LoadBenchmark() {}

  static void run(PrintStream out) {
    Map<String, Samples> loads = new LinkedHashMap<>();
    OBJECTS.forEach(name -> loads.put(name, new Samples()));
    try (var _ = new BenchNode()) {
      for (int round = 0; round < ROUNDS; round++) {
        loads.forEach((name, samples) -> load(name, read(name), samples));
      }
    }
    var table = new Table("a load, ms", "least", "median", "most");
    loads.forEach((name, samples) ->
        table.row(
            name,
            millis(samples.least()),
            millis(samples.median()),
            millis(samples.percentile(100))));
    table.print(out);
  }

  private static void load(String name, byte[] elf, Samples samples) {
    long start = System.nanoTime();
    try (BpfObject object = BenchNode.sharing(BpfObject.open(elf, name))) {
      SWITCHES.forEach(object::setConst);
      object.load();
      samples.addNanosSince(start);
    }
  }

  /** Past the module's walls, which are meant for code. */
  private static byte[] read(String name) {
    String file = "io/cilium4j/datapath/ebpf/" + name + ".bpf.o";
    try (ModuleReader reader =
        ModuleLayer.boot()
            .configuration()
            .findModule("io.cilium4j.datapath")
            .orElseThrow()
            .reference()
            .open()) {
      ByteBuffer bytes = reader.read(file).orElseThrow();
      var elf = new byte[bytes.remaining()];
      bytes.get(elf);
      reader.release(bytes);
      return elf;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String millis(double nanos) {
    return String.format(Locale.ROOT, "%.1f", nanos / 1e6);
  }
}
