// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.cilium4j.datapath.bpf.LibC;
import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Room for a number of Ethernet frames, used again for each batch so that nothing is allocated per
 * frame. A frame is read and written in {@link #memory} from {@link #offset} on.
 *
 * <pre>
 *   memory   slot 0            slot 1            …
 *            VNET | frame      VNET | frame
 *   vector   mmsghdr 0 -&gt; iovec 0 -&gt; slot 0, control 0
 * </pre>
 *
 * <p>VNET is the kernel's {@code virtio_net_hdr}: whether the checksum is still to be filled in and
 * whether the frame is many segments in one. It is carried from one socket to the next as it came,
 * and so are such frames. For a frame that was changed in length call {@link #put}, which clears
 * it.
 *
 * <p>For one thread at a time.
 */
public final class FrameBatch implements AutoCloseable {

  /**
   * Largest frame: {@code GSO_MAX_SIZE} of the kernel, which is what the administrator of a pod may
   * set (BIG TCP), with Ethernet header and two tags before it.
   */
  public static final int MAX_FRAME_BYTES = 8 * 65_535 + 14 + 2 * 4;

  private static final int ETHERNET_BYTES = 14;

  /** Size of {@code virtio_net_hdr}. */
  private static final int VNET_BYTES = 10;

  /**
   * Its fields: {@code VIRTIO_NET_HDR_F_NEEDS_CSUM} in the first byte, then how the frame is to be
   * cut up, the size of a segment's data, and where the transport header begins.
   */
  private static final int NEEDS_CHECKSUM = 1;

  private static final int VNET_GSO_TYPE = 1;
  private static final int VNET_GSO_SIZE = 4;
  private static final int VNET_TRANSPORT = 6;

  /** Behind it: where in the transport header the checksum stands. */
  private static final int VNET_CHECKSUM = 8;

  /** Kinds of segments: TCP over IPv4 and IPv6, UDP, and a mark beside them. */
  static final int GSO_TCP_IPV4 = 1;

  static final int GSO_TCP_IPV6 = 4;
  static final int GSO_UDP = 5;
  private static final int GSO_ECN = 0x80;

  /** Where a TCP header tells its own length, in words of four bytes, in the upper half. */
  private static final int TCP_LENGTH_OFFSET = 12;

  private static final int TCP_BYTES = 20;
  private static final int UDP_BYTES = 8;

  /** A slot: VNET at 6, so that the frame starts at 16 and its IP header at an even place. */
  private static final int VNET_OFFSET = 6;

  private static final int FRAME_OFFSET = VNET_OFFSET + VNET_BYTES;

  /** The frame behind VNET, rounded up to a line of the cache. */
  private static final int SLOT_BYTES = (FRAME_OFFSET + MAX_FRAME_BYTES + 63) & ~63;

  /** {@code CMSG_SPACE(sizeof(struct tpacket_auxdata))}: 16 of header, 20 of data, padding. */
  private static final int CONTROL_BYTES = 40;

  /** Where the data's first word stands, and the bit in it for a tag that was taken off. */
  private static final int STATUS_OFFSET = 16;

  private static final int TP_STATUS_VLAN_VALID = 1 << 4;

  static final StructLayout IOVEC =
      MemoryLayout.structLayout(
          ValueLayout.ADDRESS.withName("iov_base"), ValueLayout.JAVA_LONG.withName("iov_len"));

  /** {@code struct mmsghdr} of 64-bit systems. */
  static final StructLayout MMSGHDR =
      MemoryLayout.structLayout(
          ValueLayout.ADDRESS.withName("msg_name"),
          ValueLayout.JAVA_INT.withName("msg_namelen"),
          MemoryLayout.paddingLayout(4),
          ValueLayout.ADDRESS.withName("msg_iov"),
          ValueLayout.JAVA_LONG.withName("msg_iovlen"),
          ValueLayout.ADDRESS.withName("msg_control"),
          ValueLayout.JAVA_LONG.withName("msg_controllen"),
          ValueLayout.JAVA_INT.withName("msg_flags"),
          MemoryLayout.paddingLayout(4),
          ValueLayout.JAVA_INT.withName("msg_len"),
          MemoryLayout.paddingLayout(4));

  private static final long MSG_BYTES = MMSGHDR.byteSize();
  private static final long CONTROLLEN = offset("msg_controllen");
  private static final long MSG_FLAGS = offset("msg_flags");
  private static final long MSG_LEN = offset("msg_len");

  private final Arena arena = Arena.ofShared();
  private final int capacity;
  private final MemorySegment slots;
  private final MemorySegment controls;
  private final MemorySegment receiveIovecs;
  private final MemorySegment sendIovecs;
  private final MemorySegment receiveVector;
  private final MemorySegment sendVector;

  /** The vector from each message on; made beforehand, since a slice is an object. */
  private final MemorySegment[] sendFrom;

  private final MemorySegment errnoSlot;
  private final int[] lengths;
  private final FrameKind[] kinds;

  /** Room for {@code capacity} frames of any size; memory that no frame filled is not used. */
  public FrameBatch(int capacity) {
    if (capacity < 1 || capacity > 1024) {
      throw new IllegalArgumentException("batch of " + capacity + " frames: wanted 1 to 1024");
    }
    this.capacity = capacity;
    lengths = new int[capacity];
    kinds = new FrameKind[capacity];
    Arrays.fill(kinds, FrameKind.PLAIN);
    slots = LibC.allocateLazily((long) SLOT_BYTES * capacity, arena);
    controls = arena.allocate((long) CONTROL_BYTES * capacity, 8);
    receiveIovecs = arena.allocate(IOVEC, capacity);
    sendIovecs = arena.allocate(IOVEC, capacity);
    receiveVector = arena.allocate(MMSGHDR, capacity);
    sendVector = arena.allocate(MMSGHDR, capacity);
    sendFrom = new MemorySegment[capacity];
    errnoSlot = LibC.errnoSlot(arena);
    for (int i = 0; i < capacity; i++) {
      MemorySegment slot =
          slots.asSlice((long) i * SLOT_BYTES + VNET_OFFSET, SLOT_BYTES - VNET_OFFSET);
      point(receiveVector, receiveIovecs, i, slot);
      point(sendVector, sendIovecs, i, slot);
      sendFrom[i] = sendVector.asSlice(i * MSG_BYTES);
      receiveVector.set(
          ValueLayout.ADDRESS,
          i * MSG_BYTES + offset("msg_control"),
          controls.asSlice((long) i * CONTROL_BYTES, CONTROL_BYTES));
      receiveVector.set(ValueLayout.JAVA_LONG, i * MSG_BYTES + CONTROLLEN, CONTROL_BYTES);
    }
  }

  /** Has a message of a vector be what stands in {@code slot}. */
  static void point(MemorySegment vector, MemorySegment iovecs, int index, MemorySegment slot) {
    long iovec = index * IOVEC.byteSize();
    iovecs.set(ValueLayout.ADDRESS, iovec, slot);
    iovecs.set(ValueLayout.JAVA_LONG, iovec + 8, slot.byteSize());
    long message = index * MSG_BYTES;
    vector.set(
        ValueLayout.ADDRESS, message + offset("msg_iov"), iovecs.asSlice(iovec, IOVEC.byteSize()));
    vector.set(ValueLayout.JAVA_LONG, message + offset("msg_iovlen"), 1);
  }

  /** Where a field of a message is. */
  static long offset(String field) {
    return MMSGHDR.byteOffset(PathElement.groupElement(field));
  }

  /** How many frames there is room for. */
  public int capacity() {
    return capacity;
  }

  /** The memory that holds all frames. */
  public MemorySegment memory() {
    return slots;
  }

  /** Where in {@link #memory} a frame starts, with its Ethernet header; a multiple of 16. */
  public long offset(int index) {
    return (long) index * SLOT_BYTES + FRAME_OFFSET;
  }

  /** How long a frame is; 0 for one that came cut off, which is not what was sent. */
  public int length(int index) {
    return lengths[index];
  }

  /** What the kernel told of a frame; one with a tag is not to be forwarded without it. */
  public FrameKind kind(int index) {
    return kinds[index];
  }

  /** Size of the largest packet in a frame, which is many packets where it is merged. */
  public int packetBytes(int index) {
    if (kinds[index] != FrameKind.MERGED) {
      return lengths[index] - ETHERNET_BYTES;
    }
    return segmentBytes(index) + headerBytes(index) - ETHERNET_BYTES;
  }

  /** How the segments of a merged frame were merged: {@code GSO_…}. */
  int segmentType(int index) {
    return slots.get(JAVA_BYTE, offset(index) - VNET_BYTES + VNET_GSO_TYPE) & ~GSO_ECN & 0xff;
  }

  /** How much data each segment of a merged frame has, but for the last. */
  int segmentBytes(int index) {
    return u16(offset(index) - VNET_BYTES + VNET_GSO_SIZE);
  }

  /** Where in a frame with a partial checksum, or of segments, the transport header begins. */
  int transport(int index) {
    return u16(offset(index) - VNET_BYTES + VNET_TRANSPORT);
  }

  /** Where in a frame with a partial checksum that stands. */
  int checksumAt(int index) {
    return transport(index) + u16(offset(index) - VNET_BYTES + VNET_CHECKSUM);
  }

  /** The size of what stands before the data in each segment of a merged frame. */
  int headerBytes(int index) {
    return transport(index) + transportBytes(index, transport(index));
  }

  private int transportBytes(int index, int transport) {
    int type = segmentType(index);
    boolean tcp = type == GSO_TCP_IPV4 || type == GSO_TCP_IPV6;
    if (!tcp) {
      return UDP_BYTES;
    }
    return transport + TCP_BYTES > lengths[index]
        ? TCP_BYTES
        : (slots.get(JAVA_BYTE, offset(index) + transport + TCP_LENGTH_OFFSET) & 0xf0) >> 2;
  }

  private int u16(long at) {
    return slots.get(ValueLayout.JAVA_SHORT_UNALIGNED, at) & 0xffff;
  }

  /**
   * Whether a frame's transport checksum is the sum of the pseudo header alone, which the receiver
   * or its device completes. Who changes an address in such a frame adds the difference to the
   * field as it stands, not to its complement.
   */
  public boolean hasPartialChecksum(int index) {
    return (slots.get(JAVA_BYTE, offset(index) - VNET_BYTES) & NEEDS_CHECKSUM) != 0;
  }

  /** A copy of a frame; for tests and rare paths. */
  public byte[] copy(int index) {
    return slots.asSlice(offset(index), lengths[index]).toArray(JAVA_BYTE);
  }

  /** Puts a frame of our own into a slot: one segment, its checksums filled in. */
  public void put(int index, byte[] frame, int length) {
    if (length > MAX_FRAME_BYTES) {
      throw new IllegalArgumentException("frame of " + length + " bytes");
    }
    slots.asSlice(offset(index) - VNET_BYTES, VNET_BYTES).fill((byte) 0);
    MemorySegment.copy(frame, 0, slots, JAVA_BYTE, offset(index), length);
    lengths[index] = length;
    kinds[index] = FrameKind.PLAIN;
  }

  /** As above, of a frame that stands elsewhere. */
  void put(int index, MemorySegment from, long at, int length) {
    slots.asSlice(offset(index) - VNET_BYTES, VNET_BYTES).fill((byte) 0);
    MemorySegment.copy(from, at, slots, offset(index), length);
    lengths[index] = length;
    kinds[index] = FrameKind.PLAIN;
  }

  @Override
  public void close() {
    arena.close();
  }

  /** Fills the batch from a socket: how many frames came, or -errno. */
  int receive(int fd) {
    int count =
        LibC.recvmmsg(errnoSlot, fd, receiveVector, capacity, LibC.MSG_DONTWAIT | LibC.MSG_TRUNC);
    for (int i = 0; i < count; i++) {
      long message = i * MSG_BYTES;
      int bytes = receiveVector.get(ValueLayout.JAVA_INT, message + MSG_LEN) - VNET_BYTES;
      boolean cut =
          (receiveVector.get(ValueLayout.JAVA_INT, message + MSG_FLAGS) & LibC.MSG_TRUNC) != 0;
      lengths[i] = cut || bytes < 0 ? 0 : bytes;
      kinds[i] = receivedKind(i);
      // The kernel wrote the size it used; the next call takes it for the size there is.
      receiveVector.set(ValueLayout.JAVA_LONG, message + CONTROLLEN, CONTROL_BYTES);
    }
    return count;
  }

  /** Sends frames {@code from} to {@code to}, the last not included: how many went, or -errno. */
  int send(int fd, int from, int to) {
    for (int i = from; i < to; i++) {
      sendIovecs.set(
          ValueLayout.JAVA_LONG, i * IOVEC.byteSize() + 8, (long) VNET_BYTES + lengths[i]);
    }
    return LibC.sendmmsg(errnoSlot, fd, sendFrom[from], to - from, LibC.MSG_DONTWAIT);
  }

  private FrameKind receivedKind(int index) {
    if (isTagged(index)) {
      return FrameKind.TAGGED;
    }
    return slots.get(JAVA_BYTE, offset(index) - VNET_BYTES + VNET_GSO_TYPE) == 0
        ? FrameKind.PLAIN
        : FrameKind.MERGED;
  }

  private boolean isTagged(int index) {
    int status = controls.get(ValueLayout.JAVA_INT, (long) index * CONTROL_BYTES + STATUS_OFFSET);
    return (status & TP_STATUS_VLAN_VALID) != 0;
  }
}
