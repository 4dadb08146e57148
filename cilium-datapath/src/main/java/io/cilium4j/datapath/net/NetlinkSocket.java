// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A netlink socket and its protocol: one request at a time, each with a sequence number that its
 * answers repeat. A request that changes something is answered by an acknowledgement, one that
 * lists by many messages and an end mark. Answers to a request that was given up are passed over.
 *
 * <pre>
 *   change    request ->  &lt;- ERROR: code i32, 0 if done | header of the request | attributes
 *   question  request ->  &lt;- object, then ERROR as above
 *   listing   request ->  &lt;- object, object … in several datagrams, then DONE: code i32 | attributes
 * </pre>
 *
 * <p>Nothing the kernel sends is trusted to be well formed: lengths are checked against what was
 * received, and a datagram that does not fit the buffer is an error and not half an answer.
 */
final class NetlinkSocket implements AutoCloseable {

  /** How long the kernel may take over one request; it holds its lock for milliseconds at worst. */
  static final Duration TIMEOUT = Duration.ofSeconds(10);

  /** The kernel puts no more than 32 KiB into one datagram of a listing; twice that. */
  private static final int BUFFER_BYTES = 65_536;

  /** A listing during which the listed things changed is asked for again, so many times. */
  private static final int DUMP_TRIES = 10;

  private static final int AF_NETLINK = 16;

  /** What a socket speaks to: devices, addresses, routes and rules; or packet filters. */
  static final int NETLINK_ROUTE = 0;

  static final int NETLINK_NETFILTER = 12;
  private static final int SOL_SOCKET = 1;
  private static final int SO_RCVTIMEO = 20;
  private static final int SOL_NETLINK = 270;

  /** Options: short acknowledgements, messages in them, and filters that the kernel heeds. */
  private static final int NETLINK_CAP_ACK = 10;

  private static final int NETLINK_EXT_ACK = 11;
  private static final int NETLINK_GET_STRICT_CHK = 12;

  private static final int NLMSG_ERROR = 2;
  private static final int NLMSG_DONE = 3;

  /** First type that belongs to the family; those below are netlink's own. */
  private static final int NLMSG_MIN_TYPE = 16;

  private static final int NLM_F_DUMP_INTR = 0x10;
  private static final int NLM_F_CAPPED = 0x100;
  private static final int NLM_F_ACK_TLVS = 0x200;

  /** {@code NLMSGERR_ATTR_MSG}: the kernel's words. */
  private static final int ERROR_MESSAGE = 1;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer = arena.allocate(BUFFER_BYTES, 8);
  private final ByteBuffer view = buffer.asByteBuffer().order(ByteOrder.nativeOrder());

  /** Below 0 once closed. */
  private int fd;

  private int sequence;

  /** Opens a route socket in the calling thread's namespace. */
  NetlinkSocket() {
    this(NETLINK_ROUTE);
  }

  /** Opens a socket of one of the protocols above in the calling thread's namespace. */
  NetlinkSocket(int protocol) {
    fd = LibC.socket(AF_NETLINK, LibC.SOCK_RAW | LibC.SOCK_CLOEXEC, protocol);
    try {
      MemorySegment timeout = arena.allocate(ValueLayout.JAVA_LONG, 2);
      timeout.setAtIndex(ValueLayout.JAVA_LONG, 0, TIMEOUT.toSeconds());
      LibC.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout);
      LibC.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
      LibC.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
      LibC.setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
      // All zero but the family: the kernel picks the port.
      MemorySegment address = arena.allocate(12, 4);
      address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_NETLINK);
      LibC.bind(fd, address, "netlink socket");
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /**
   * Reads one object from a message behind its header; null if it is not one that was asked for.
   */
  @FunctionalInterface
  interface Decoder<T> {
    @Nullable T decode(ByteBuffer payload);
  }

  /** Carries out a change; when it returns, the kernel has made it. */
  void execute(NetlinkRequest request) {
    exchange(request, NetlinkRequest.ACK, _ -> {});
  }

  /** Asks for one object; the kernel says ENODEV or the like where it is absent. */
  synchronized <T> Optional<T> get(NetlinkRequest request, Decoder<T> decoder) {
    var found = new ArrayList<T>(1);
    exchange(request, NetlinkRequest.ACK, payload -> add(found, decoder, payload));
    return found.stream().findFirst();
  }

  /** Lists objects: all of one moment, since a listing that changes overlapped is not believed. */
  synchronized <T> List<T> dump(NetlinkRequest request, Decoder<T> decoder) {
    var found = new ArrayList<T>();
    for (int i = 0; i < DUMP_TRIES; i++) {
      found.clear();
      if (exchange(request, NetlinkRequest.DUMP, payload -> add(found, decoder, payload))) {
        return List.copyOf(found);
      }
    }
    throw new NetlinkException(
        request.name(), request.object(), Errno.EINTR, "it changed during each listing");
  }

  @Override
  public synchronized void close() {
    if (fd >= 0) {
      int open = fd;
      fd = -1;
      arena.close();
      LibC.close(open);
    }
  }

  private static <T> void add(List<T> found, Decoder<T> decoder, ByteBuffer payload) {
    T object = decoder.decode(payload);
    if (object != null) {
      found.add(object);
    }
  }

  @FunctionalInterface
  private interface Receiver {
    void accept(ByteBuffer payload);
  }

  /** Sends a request and reads up to its last answer; false if a listing was overlapped. */
  private synchronized boolean exchange(NetlinkRequest request, int answer, Receiver receiver) {
    if (fd < 0) {
      throw new IllegalStateException("netlink socket is closed");
    }
    sequence++;
    send(request.encode(sequence, answer));
    boolean whole = true;
    while (true) {
      int end = receive(request);
      int position = 0;
      while (end - position >= NetlinkRequest.HEADER_BYTES) {
        int length = view.getInt(position);
        if (length < NetlinkRequest.HEADER_BYTES || length > end - position) {
          throw malformed(
              request, "message of " + length + " bytes, " + (end - position) + " left");
        }
        int type = Short.toUnsignedInt(view.getShort(position + 4));
        int flags = Short.toUnsignedInt(view.getShort(position + 6));
        // Another number: the late answer to a request that ran into the timeout.
        if (view.getInt(position + 8) == sequence) {
          ByteBuffer payload =
              view.slice(
                      position + NetlinkRequest.HEADER_BYTES, length - NetlinkRequest.HEADER_BYTES)
                  .order(ByteOrder.nativeOrder());
          whole &= (flags & NLM_F_DUMP_INTR) == 0;
          if (type == NLMSG_ERROR || type == NLMSG_DONE) {
            check(request, type, flags, payload);
            return whole;
          }
          if (type >= NLMSG_MIN_TYPE) {
            try {
              receiver.accept(payload);
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
              throw malformed(request, String.valueOf(e.getMessage()));
            }
          }
        }
        position += NetlinkAttributes.align(length);
      }
    }
  }

  private void send(byte[] message) {
    MemorySegment.copy(message, 0, buffer, ValueLayout.JAVA_BYTE, 0, message.length);
    LibC.send(fd, buffer.asSlice(0, message.length), 0);
  }

  /** Receives one datagram and gives its size. */
  private int receive(NetlinkRequest request) {
    long length;
    try {
      length = LibC.recv(fd, buffer, LibC.MSG_TRUNC);
    } catch (SystemCallException e) {
      int errno = e.errno() == Errno.EAGAIN ? Errno.ETIMEDOUT : e.errno();
      throw new NetlinkException(request.name(), request.object(), errno, "no answer");
    }
    if (length > BUFFER_BYTES) {
      throw malformed(request, "datagram of " + length + " bytes");
    }
    return (int) length;
  }

  /** Throws if an acknowledgement or an end mark carries an error. */
  private static void check(NetlinkRequest request, int type, int flags, ByteBuffer payload) {
    int error = payload.remaining() >= 4 ? payload.getInt(0) : 0;
    if (error >= 0) {
      return;
    }
    throw new NetlinkException(
        request.name(), request.object(), -error, message(type, flags, payload));
  }

  /** The kernel's words, which stand behind the error and, in an acknowledgement, the request. */
  static String message(int type, int flags, ByteBuffer payload) {
    if ((flags & NLM_F_ACK_TLVS) == 0) {
      return "";
    }
    int start = 4;
    if (type == NLMSG_ERROR) {
      // Without CAPPED the whole request is repeated, else its header alone.
      start +=
          (flags & NLM_F_CAPPED) != 0
              ? NetlinkRequest.HEADER_BYTES
              : NetlinkAttributes.align(payload.getInt(4));
    }
    if (start < 0 || start > payload.limit()) {
      return "";
    }
    return NetlinkAttributes.read(payload.duplicate().order(payload.order()).position(start))
        .text(ERROR_MESSAGE)
        .strip();
  }

  private static NetlinkException malformed(NetlinkRequest request, String what) {
    return new NetlinkException(
        request.name(), request.object(), Errno.EBADMSG, "malformed answer: " + what);
  }
}
