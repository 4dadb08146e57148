// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.datapath.net.NodePrefixes;
import io.cilium4j.identity.HostPrefixes;
import io.cilium4j.identity.IdentityAllocator;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.identity.MemoryIdentityBackendProvider;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class HostPrefixesTest {

  private static final IpAddress ROUTER = IpAddress.parse("10.1.0.1");

  private final ManualScheduler time = new ManualScheduler();
  private final Ipcache ipcache =
      new Ipcache(
          new IdentityAllocator(
              new Database(),
              new MemoryIdentityBackendProvider()
                  .open(new IdentityBackendProvider.Config(0, time, Map.of())),
              time),
          EnumSet.allOf(IpFamily.class),
          Set.of(HostPrefixes.INPUT));
  private final HostPrefixes hostPrefixes = new HostPrefixes(ipcache, List.of(ROUTER));
  private final NodePrefixes addresses =
      new NodePrefixes("test-host-addresses", own -> hostPrefixes.put(own.delivered()));

  private Optional<Integer> identity(String prefix) {
    return ipcache.table().snapshot().get(IpPrefix.parse(prefix)).map(IpcacheEntry::identity);
  }

  @Test
  void start_tellsWhatTheKernelSays() {
    addresses.start();
    try {
      assertTold();
    } finally {
      addresses.stop();
    }
  }

  /** Where the kernel may not be listened to. */
  @Test
  void repeat_withoutAWatch_tellsWhatTheJdkKnows() {
    addresses.repeat();
    assertTold();
    long revision = ipcache.table().snapshot().revision();
    addresses.repeat();
    assertEquals(revision, ipcache.table().snapshot().revision(), "nothing changed");
  }

  private void assertTold() {
    Optional<Integer> host = Optional.of(ReservedIdentity.HOST.id());
    assertTrue(ipcache.table().snapshot().isInitialised());
    assertEquals(host, identity("10.1.0.1/32"));
    assertEquals(host, identity("127.0.0.1/32"));
    assertEquals(host, identity("127.0.0.0/8"));
    ipcache
        .table()
        .snapshot()
        .forEach(row -> assertTrue(!row.key().toString().startsWith("fe80:"), row + ""));
  }
}
