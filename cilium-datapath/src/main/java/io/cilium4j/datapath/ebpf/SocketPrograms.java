// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.bpf.BpfException;
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.CgroupHook;
import io.cilium4j.datapath.bpf.KeptPins;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.SystemCallException;
import io.cilium4j.datapath.net.DatagramSockets;
import io.cilium4j.datapath.net.NetlinkException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The programs of {@code bpf_sock}: they look at the sockets of the node's own processes, which
 * reach services by them. They are attached to the root of the control groups and tell the node's
 * sockets by their network. Before there is a service none is attached.
 *
 * <p>Where they cannot run, pods reach services all the same.
 *
 * <p>Safe for use by several threads.
 */
final class SocketPrograms implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(SocketPrograms.class);

  private static final String OBJECT = "bpf_sock";

  private static final Map<CgroupHook, String> NAMES =
      new EnumMap<>(
          Map.of(
              CgroupHook.INET4_CONNECT, "cil_sock4_connect",
              CgroupHook.INET6_CONNECT, "cil_sock6_connect",
              CgroupHook.UDP4_SENDMSG, "cil_sock4_sendmsg",
              CgroupHook.UDP6_SENDMSG, "cil_sock6_sendmsg",
              CgroupHook.UDP4_RECVMSG, "cil_sock4_recvmsg",
              CgroupHook.UDP6_RECVMSG, "cil_sock6_recvmsg",
              CgroupHook.INET4_GETPEERNAME, "cil_sock4_getpeername",
              CgroupHook.INET6_GETPEERNAME, "cil_sock6_getpeername"));

  private static final Path MOUNTS = Path.of("/proc/self/mounts");

  /** Where a pod has the node's; what a pod has elsewhere begins at the pod's own. */
  private static final Path OF_THE_NODE = Path.of("/run/cilium/cgroupv2");

  private static final int AF_INET = 2;
  private static final int SOCK_DGRAM = 2;
  private static final int SOL_SOCKET = 1;

  /** {@code SO_NETNS_COOKIE}, kernel 5.14 and newer. */
  private static final int SO_NETNS_COOKIE = 71;

  private final Config config;
  private final Pins pins;
  private final long netnsCookie;
  private final Map<CgroupHook, BpfProgram> programs = new EnumMap<>(CgroupHook.class);
  private final DatagramSockets datagrams = DatagramSockets.open();
  private Optional<KeptPins> keptPins = Optional.empty();
  private @Nullable BpfMap<SocketPeer, SocketPeer.Frontend> peers;
  private volatile boolean isFailing;

  /** Prepares them for the network of the calling thread. */
  SocketPrograms(Config config, Pins pins) {
    this.config = config;
    this.pins = pins;
    this.netnsCookie = netnsCookie();
  }

  /** The number by which programs know the network; 0 where the kernel does not tell. */
  private static long netnsCookie() {
    int socket = LibC.socket(AF_INET, SOCK_DGRAM | LibC.SOCK_CLOEXEC, 0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cookie = arena.allocate(ValueLayout.JAVA_LONG);
      LibC.getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, cookie);
      return cookie.get(ValueLayout.JAVA_LONG, 0);
    } catch (SystemCallException e) {
      return 0;
    } finally {
      LibC.close(socket);
    }
  }

  /** Whether nothing speaks against it that the node's processes reach services. */
  boolean areUsable() {
    return !isFailing;
  }

  /** Whether an earlier process or this one attached some. */
  private boolean areThere() {
    return !programs.isEmpty() || !pins.sockets().list().isEmpty();
  }

  /** Attaches them, now that there is a service; what fails is tried again by {@link #mend}. */
  synchronized void attach() {
    if (!programs.isEmpty() || isFailing) {
      return;
    }
    try {
      var _ = attachMissing();
    } catch (DatapathException e) {
      LOG.warn("processes of the node reach no service error=\"{}\"", e.getMessage());
    }
  }

  /**
   * Sees that they are attached where they were, or should have been; those of an earlier process
   * get this one's code.
   *
   * @throws DatapathException if one cannot be
   */
  synchronized void mend(Mender mender) {
    if ((areThere() || isFailing) && attachMissing()) {
      mender.mended("a program at the node's sockets was gone");
    }
  }

  /**
   * Disconnects the node's UDP sockets that were given a backend which is none any more: such a
   * socket would speak to it for as long as it is open.
   *
   * @param frontends those that there are
   */
  synchronized void release(FrontendRows frontends) {
    var given = peers;
    if (!frontends.takeLost() || given == null) {
      return;
    }
    try {
      for (DatagramSockets.Connected each : datagrams.list()) {
        var key = new SocketPeer(each.cookie(), each.peer(), each.peerPort());
        boolean lost =
            given
                .lookup(key)
                .map(asked ->
                    new FrontendKey(
                        asked.address(each.peer().family()), asked.port(), Protocol.UDP))
                .filter(asked -> !frontends.has(asked, each.peer(), each.peerPort()))
                .isPresent();
        if (lost && datagrams.disconnect(each)) {
          LOG.debug("socket disconnected backend={} port={}", each.peer(), each.peerPort());
        }
      }
    } catch (NetlinkException e) {
      LOG.warn("sockets keep backends that are gone error=\"{}\"", e.getMessage());
    }
  }

  /** Gives whether one was gone that had been there. */
  private boolean attachMissing() {
    isFailing = true;
    boolean isNew = programs.isEmpty();
    if (isNew) {
      load();
    }
    Path root = root();
    boolean wasMissing = false;
    for (var each : programs.entrySet()) {
      wasMissing |= attach(each.getValue(), each.getKey(), root);
    }
    wasMissing |= keptPins.filter(pinned -> !pinned.mend().isEmpty()).isPresent();
    isFailing = false;
    return wasMissing && !isNew;
  }

  private void load() {
    if (netnsCookie == 0) {
      throw new DatapathException("the kernel tells no number of a network: it is older than 5.14");
    }
    boolean rejects = config.noBackendResponse() == NoBackendResponse.REJECT;
    try (BpfObject object = loaded(rejects)) {
      NAMES.forEach((hook, name) -> programs.put(hook, object.program(name)));
      peers = object.map(KernelMaps.REVERSE_SOCKETS, SocketPeer.CODEC, SocketPeer.FRONTEND);
    }
    keptPins = Optional.of(KeptPins.of(List.of(pins.maps().pin(KernelMaps.REVERSE_SOCKETS))));
  }

  /** Before 6.1 the kernel lets such programs choose no error: who is refused gets EPERM there. */
  private BpfObject loaded(boolean choosesError) {
    BpfObject object = Programs.openBeside(OBJECT, pins.maps());
    try {
      return object
          .setConst("cfg_netns_cookie", netnsCookie)
          .setConst("cfg_chooses_error", choosesError ? 1 : 0)
          .load();
    } catch (BpfException e) {
      object.close();
      if (!choosesError) {
        throw e;
      }
      return loaded(false);
    }
  }

  /** Gives whether it was not attached. */
  private boolean attach(BpfProgram program, CgroupHook hook, Path root) {
    Path pin = pins.sockets().pin(program.name());
    if (Files.exists(pin)) {
      try (BpfLink link = BpfLink.openPinned(pin)) {
        link.update(program);
        return false;
      } catch (BpfException e) {
        // Somebody detached it.
        pins.sockets().remove(program.name());
      }
    }
    try (BpfLink link = BpfLink.attachCgroup(program, root, hook)) {
      link.pin(pin);
    }
    return true;
  }

  /** The given one; where version 1 is mounted there, version 2 is below it. */
  private Path root() {
    Path above = config.cgroupRoot().orElse(OF_THE_NODE);
    List<Path> mounted = mounted();
    return mounted.stream()
        .filter(path -> path.startsWith(above))
        .findFirst()
        .or(config::cgroupRoot)
        .or(() -> mounted.stream().findFirst())
        .orElseThrow(
            () -> new DatapathException("no control groups of version 2 are mounted (cgroup2)"));
  }

  /** Those that another mount does not hide. */
  private static List<Path> mounted() {
    try (Stream<String> lines = Files.lines(MOUNTS)) {
      return lines
          .map(line -> line.split(" ", -1))
          .filter(words -> words.length > 2 && words[2].equals("cgroup2"))
          .map(words -> Path.of(words[1]))
          .filter(Files::isDirectory)
          .toList();
    } catch (IOException e) {
      throw new DatapathException("read " + MOUNTS + ": " + e.getMessage(), e);
    }
  }

  /** Lets go; what is attached stays. */
  @Override
  public synchronized void close() {
    programs.values().forEach(BpfProgram::close);
    datagrams.close();
    if (peers != null) {
      peers.close();
    }
    keptPins.ifPresent(KeptPins::close);
  }
}
