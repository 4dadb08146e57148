// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HexFormat;
import java.util.List;

/**
 * Stands in for the kernel: writes down each command with its bytes, and answers what it was told
 * to, in order, then 0.
 */
final class FakeMap implements MapCalls {
  final List<String> commands = new ArrayList<>();
  private final Deque<Integer> answers = new ArrayDeque<>();
  private final Deque<byte[]> keys = new ArrayDeque<>();

  FakeMap answering(int... results) {
    for (int result : results) {
      answers.add(result);
    }
    return this;
  }

  /** The keys that a walk from key to key comes past, ENOENT after the last. */
  FakeMap walking(byte... keysOfOneByte) {
    for (byte key : keysOfOneByte) {
      keys.add(new byte[] {key, 0, 0, 0});
    }
    return this;
  }

  private int answer(String command) {
    commands.add(command);
    Integer answer = answers.poll();
    return answer == null ? 0 : answer;
  }

  private static String hex(MemorySegment bytes) {
    return bytes.address() == 0 ? "null" : HexFormat.of().formatHex(bytes.toArray(JAVA_BYTE));
  }

  @Override
  public int lookup(int fd, MemorySegment key, MemorySegment value) {
    return answer("lookup " + hex(key));
  }

  @Override
  public int update(int fd, MemorySegment key, MemorySegment value, long flags) {
    return answer("update " + hex(key) + ' ' + hex(value) + ' ' + flags);
  }

  @Override
  public int delete(int fd, MemorySegment key) {
    return answer("delete " + hex(key));
  }

  @Override
  public int nextKey(int fd, MemorySegment key, MemorySegment next) {
    byte[] walked = keys.poll();
    if (walked == null) {
      return -Errno.ENOENT;
    }
    MemorySegment.copy(walked, 0, next, JAVA_BYTE, 0, walked.length);
    return answer("next " + hex(key));
  }

  @Override
  public int lookupBatch(
      int fd,
      MemorySegment from,
      MemorySegment next,
      MemorySegment allKeys,
      MemorySegment values,
      MemorySegment count) {
    return answer("lookupBatch " + hex(from));
  }

  @Override
  public int updateBatch(int fd, MemorySegment allKeys, MemorySegment values, MemorySegment count) {
    return answer("updateBatch " + hex(allKeys) + ' ' + hex(values));
  }
}
