// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.util.Arrays;

/**
 * Reads a DNS message (RFC 1035, section 4.1) from its beginning to its end. Whoever wrote it may
 * be an attacker: nothing is read beyond the message, and a name takes at most as long as a name
 * may be, since a pointer leads only to what stands before the name's own beginning.
 *
 * <p>Names become text: in lower case, each label followed by a dot, the root as {@code .}. A byte
 * that is no letter, digit, {@code -} or {@code _} is escaped as {@code \DDD}, its decimal value,
 * so that a dot inside a label never looks like the end of one. No pattern of a rule matches such a
 * name.
 */
final class DnsReader {
  static final int HEADER_BYTES = 12;

  /** Longest name, with the length of each label and the root's. */
  private static final int MAX_NAME_BYTES = 255;

  private static final int POINTER = 0xc0;

  /** Most pointers of one name: as many as it may have labels. */
  private static final int MAX_JUMPS = 127;

  private final byte[] message;
  private int at;

  /** Begins behind the header. */
  DnsReader(byte[] message) {
    this.message = message;
    this.at = HEADER_BYTES;
  }

  private static DnsFormatException cutOff() {
    return new DnsFormatException("the message ends too early", DnsMessages.FORMERR);
  }

  private static DnsFormatException badName() {
    return new DnsFormatException("no name of the standard's form", DnsMessages.FORMERR);
  }

  /** Where the next part begins. */
  int position() {
    return at;
  }

  int u16() throws DnsFormatException {
    require(2);
    int value = u16(message, at);
    at += 2;
    return value;
  }

  /** A number of the header or of another place that is there. */
  static int u16(byte[] message, int at) {
    return ((message[at] & 0xff) << 8) | (message[at + 1] & 0xff);
  }

  /** A time to live in seconds: one with the highest bit set counts as 0 (RFC 2181, section 8). */
  int timeToLive() throws DnsFormatException {
    require(4);
    int value = (u16(message, at) << 16) | u16(message, at + 2);
    at += 4;
    return Math.max(value, 0);
  }

  byte[] bytes(int count) throws DnsFormatException {
    require(count);
    byte[] read = Arrays.copyOfRange(message, at, at + count);
    at += count;
    return read;
  }

  void skip(int count) throws DnsFormatException {
    require(count);
    at += count;
  }

  boolean isAtEnd() {
    return at == message.length;
  }

  private void require(int count) throws DnsFormatException {
    if (count > message.length - at) {
      throw cutOff();
    }
  }

  /**
   * The name that begins here.
   *
   * @param mayPoint whether it may end in a pointer to an earlier one, as those of answers do
   */
  String name(boolean mayPoint) throws DnsFormatException {
    var text = new StringBuilder();
    int next = at;
    int before = at;
    int bytes = 1;
    int jumps = 0;
    while (true) {
      if (next >= message.length) {
        throw cutOff();
      }
      int length = message[next] & 0xff;
      if ((length & POINTER) == POINTER) {
        int target = next + 1 < message.length ? (length & ~POINTER) << 8 : -1;
        target |= target < 0 ? 0 : message[next + 1] & 0xff;
        // Ever further to the front: it ends, and the header holds no name.
        if (!mayPoint || target < HEADER_BYTES || target >= before || ++jumps > MAX_JUMPS) {
          throw badName();
        }
        if (jumps == 1) {
          at = next + 2;
        }
        before = target;
        next = target;
        continue;
      }
      bytes += length == 0 ? 0 : length + 1;
      if ((length & POINTER) != 0 || bytes > MAX_NAME_BYTES) {
        throw badName();
      }
      next++;
      if (length == 0) {
        break;
      }
      if (length > message.length - next) {
        throw cutOff();
      }
      append(text, next, length);
      next += length;
    }
    if (jumps == 0) {
      at = next;
    }
    return text.isEmpty() ? "." : text.toString();
  }

  private void append(StringBuilder text, int from, int length) {
    for (int i = from; i < from + length; i++) {
      int c = message[i] & 0xff;
      if (c >= 'A' && c <= 'Z') {
        text.append((char) (c + 'a' - 'A'));
      } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') {
        text.append((char) c);
      } else {
        text.append('\\').append((char) ('0' + c / 100));
        text.append((char) ('0' + c / 10 % 10)).append((char) ('0' + c % 10));
      }
    }
    text.append('.');
  }
}
