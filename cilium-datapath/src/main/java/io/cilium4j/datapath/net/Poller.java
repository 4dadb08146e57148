// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.PollCalls;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;

/**
 * Waits for frames on many {@link PacketSocket}s at once; epoll, level-triggered: a socket that was
 * not emptied is ready again. Work in proportion to the sockets that are ready.
 *
 * <p>One thread polls; others may add and remove sockets and wake it up.
 */
public final class Poller implements AutoCloseable {

  /** How many ready sockets one call reports; the others come with the next. */
  private static final int MAX_EVENTS = 64;

  /** The token of our own wake-up; no socket may have it. */
  private static final long WAKE_UP = -1;

  /** {@code struct epoll_event}, events u32 and data u64, is packed on x86-64 and nowhere else. */
  private static final boolean PACKED = System.getProperty("os.arch").equals("amd64");

  private static final int EVENT_BYTES = PACKED ? 12 : 16;
  private static final int DATA_OFFSET = PACKED ? 4 : 8;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment events = arena.allocate(MAX_EVENTS * (long) EVENT_BYTES, 8);
  private final MemorySegment errnoSlot = LibC.errnoSlot(arena);
  private final MemorySegment counter = arena.allocate(ValueLayout.JAVA_LONG);
  private final long[] tokens = new long[MAX_EVENTS];
  private final int epoll;
  private final int wakeUp;
  private boolean closed;

  public Poller() {
    epoll = PollCalls.epollCreate();
    try {
      wakeUp = PollCalls.eventfd(0, PollCalls.EFD_CLOEXEC | PollCalls.EFD_NONBLOCK);
    } catch (RuntimeException | Error e) {
      LibC.close(epoll);
      throw e;
    }
    control(PollCalls.EPOLL_CTL_ADD, wakeUp, WAKE_UP);
  }

  /**
   * Adds a socket.
   *
   * @param token what {@link #token} gives when the socket is ready; 0 or above
   */
  public void add(PacketSocket socket, long token) {
    if (token < 0) {
      throw new IllegalArgumentException("token " + token + ": wanted 0 or above");
    }
    add(socket.descriptor(), token);
  }

  /** As above, for the socket of a tunnel. */
  public void add(TunnelSocket socket, long token) {
    add(socket.descriptor(), token);
  }

  /** As above, for another socket of this package. */
  void add(int descriptor, long token) {
    control(PollCalls.EPOLL_CTL_ADD, descriptor, token);
  }

  /** Takes a socket out, which is still open; its token may yet come once from a running poll. */
  public void remove(PacketSocket socket) {
    control(PollCalls.EPOLL_CTL_DEL, socket.descriptor(), 0);
  }

  /**
   * Waits until a socket is ready, {@link #wakeUp} is called, or the time is over.
   *
   * @return how many sockets are ready: tokens 0 to this, the last not included
   */
  public int poll(Duration timeout) {
    return poll(Math.clamp(timeout.toMillis(), 0, Integer.MAX_VALUE));
  }

  /** As above, without allocation. */
  public int poll(int timeoutMillis) {
    int count = PollCalls.epollWait(errnoSlot, epoll, events, MAX_EVENTS, timeoutMillis);
    if (count < 0) {
      if (-count == Errno.EINTR) {
        return 0;
      }
      throw new SystemCallException("epoll_wait", "for packet sockets", -count);
    }
    int ready = 0;
    for (int i = 0; i < count; i++) {
      long token =
          events.get(ValueLayout.JAVA_LONG_UNALIGNED, i * (long) EVENT_BYTES + DATA_OFFSET);
      if (token == WAKE_UP) {
        // Reading sets the counter back; that it is already 0 does not matter.
        LibC.read(errnoSlot, wakeUp, counter);
      } else {
        tokens[ready++] = token;
      }
    }
    return ready;
  }

  /** The token of a ready socket of the last poll. */
  public long token(int index) {
    return tokens[index];
  }

  /** Ends the poll that runs, or the next one if none does. */
  public synchronized void wakeUp() {
    if (closed) {
      return;
    }
    try (Arena own = Arena.ofConfined()) {
      LibC.write(wakeUp, own.allocateFrom(ValueLayout.JAVA_LONG, 1));
    } catch (SystemCallException e) {
      // A counter that is full is one that wakes.
      if (e.errno() != Errno.EAGAIN) {
        throw e;
      }
    }
  }

  /** Ends it; to be called when no thread polls. The sockets stay open. */
  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      LibC.close(epoll);
      LibC.close(wakeUp);
      arena.close();
    }
  }

  private void control(int operation, int fd, long token) {
    try (Arena own = Arena.ofConfined()) {
      MemorySegment event = own.allocate(EVENT_BYTES, 8);
      event.set(ValueLayout.JAVA_INT, 0, PollCalls.EPOLLIN);
      event.set(ValueLayout.JAVA_LONG_UNALIGNED, DATA_OFFSET, token);
      PollCalls.epollCtl(epoll, operation, fd, event);
    }
  }
}
