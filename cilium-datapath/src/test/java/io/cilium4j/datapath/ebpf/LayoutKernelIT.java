// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.Btf;
import io.cilium4j.datapath.bpf.KernelTest;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every layout that Java writes or reads is the one that the compiler gave the struct in C. */
@KernelTest
class LayoutKernelIT {

  static Stream<MemoryLayout> layouts() {
    return Stream.of(
        EndpointRecord.CODEC.layout(),
        AddressKey.CODEC.layout(),
        PrefixKey.CODEC.layout(),
        IpcacheRecord.CODEC.layout(),
        PolicyRecordKey.CODEC.layout(),
        PolicyRecord.CODEC.layout(),
        MetricsRecord.CODEC.layout(),
        ConntrackKey.IPV4.layout(),
        ConntrackKey.IPV6.layout(),
        ConntrackRecord.CODEC.layout(),
        OwnerRecord.CODEC.layout(),
        NodeRecord.CODEC.layout(),
        FrontendKeyCodec.CODEC.layout(),
        SocketPeer.CODEC.layout(),
        SocketPeer.FRONTEND.layout(),
        ServiceMemory.BACKEND,
        EventCodec.LAYOUT);
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void layout_ofAStruct_isThatOfTheObject(MemoryLayout layout) {
    String name = layout.name().orElseThrow();
    Btf.Struct struct =
        typesOf("bpf_lxc").struct(name).or(() -> typesOf("bpf_sock").struct(name)).orElseThrow();
    assertEquals(struct.byteSize(), layout.byteSize(), name);
    Map<String, Long> wanted = new LinkedHashMap<>();
    struct.members().forEach(member -> wanted.put(member.name(), member.byteOffset()));
    Map<String, Long> got = new LinkedHashMap<>();
    long offset = 0;
    for (MemoryLayout member : ((GroupLayout) layout).memberLayouts()) {
      String field = member.name().orElseThrow();
      got.put(field, offset);
      offset += member.byteSize();
    }
    assertEquals(wanted, got, name);
  }

  private static Btf typesOf(String name) {
    try (InputStream in = Programs.class.getResourceAsStream(name + ".bpf.o");
        BpfObject object = BpfObject.open(in.readAllBytes(), name)) {
      return object.btf();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
