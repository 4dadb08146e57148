// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The types of an object file, as its BTF section describes them: where a global variable lies, and
 * where the members of a C struct lie, so that tests can hold a codec's layout against it.
 *
 * <p>Format: Documentation/bpf/btf.rst of the kernel. A table of records, each 12 bytes plus what
 * its kind adds, numbered from 1 (0 is void), then the names. A record is: where its name begins;
 * flag, kind and number of additions in one word; a size or the number of another type.
 *
 * <p>Whatever the bytes are, reading them ends, and refuses with {@link IllegalArgumentException}.
 */
public final class Btf {
  private static final int MAGIC = 0xeb9f;
  private static final int TYPE_BYTES = 12;

  /** Chains of typedefs and qualifiers are short; a longer one is a loop in a broken file. */
  private static final int MAX_CHAIN = 32;

  // The kinds of types; those that are missing have nothing after their first 12 bytes.
  private static final int INT = 1;
  private static final int PTR = 2;
  private static final int ARRAY = 3;
  private static final int STRUCT = 4;
  private static final int UNION = 5;
  private static final int ENUM = 6;
  private static final int TYPEDEF = 8;
  private static final int VOLATILE = 9;
  private static final int CONST = 10;
  private static final int RESTRICT = 11;
  private static final int FUNC_PROTO = 13;
  private static final int VAR = 14;
  private static final int DATASEC = 15;
  private static final int FLOAT = 16;
  private static final int DECL_TAG = 17;
  private static final int TYPE_TAG = 18;
  private static final int ENUM64 = 19;

  private final ByteBuffer bytes;

  /** Where the names begin; each ends with a zero byte. */
  private final int stringsAt;

  /** Where type {@code i + 1} begins. */
  private final List<Integer> typeOffsets = new ArrayList<>();

  /**
   * A member of a struct.
   *
   * @param name the member's name; empty for an anonymous struct or union
   * @param byteOffset from the begin of the struct
   * @param byteSize of the member's type
   */
  public record Member(String name, long byteOffset, long byteSize) {}

  /**
   * A C struct or union.
   *
   * @param name its tag
   * @param byteSize with padding
   * @param members in the order of the declaration
   */
  public record Struct(String name, long byteSize, List<Member> members) {
    public Struct {
      members = List.copyOf(members);
    }
  }

  /** Where a global variable lies: in which section, at which offset, how large. */
  record Variable(String section, String name, long byteOffset, long byteSize, boolean isScalar) {}

  /** Reads the raw bytes of a {@code .BTF} section. */
  Btf(byte[] raw) {
    bytes = ByteBuffer.wrap(raw).order(ByteOrder.nativeOrder());
    if ((word(0) & 0xffff) != MAGIC) {
      throw new IllegalArgumentException("BTF does not begin with its magic number");
    }
    // Wrapped sums are negative, and word() refuses them.
    int headerBytes = word(4);
    int typesAt = headerBytes + word(8);
    int typesEnd = typesAt + word(12);
    stringsAt = headerBytes + word(16);
    for (int at = typesAt; at < typesEnd; at += TYPE_BYTES + extraBytes(at)) {
      typeOffsets.add(at);
    }
  }

  /** The struct or union {@code name}, if the object uses one. */
  public Optional<Struct> struct(String name) {
    for (int at : typeOffsets) {
      int kind = kind(at);
      if ((kind == STRUCT || kind == UNION) && name(at).equals(name)) {
        return Optional.of(structAt(at));
      }
    }
    return Optional.empty();
  }

  /** The value of the enum constant {@code name}, if the object uses one. */
  public Optional<Integer> enumConstant(String name) {
    for (int at : typeOffsets) {
      if (kind(at) == ENUM) {
        for (int i = 0; i < vlen(at); i++) {
          int entry = at + TYPE_BYTES + i * 8;
          if (string(word(entry)).equals(name)) {
            return Optional.of(word(entry + 4));
          }
        }
      }
    }
    return Optional.empty();
  }

  /** The global variable {@code name} in a section whose name begins with {@code sectionPrefix}. */
  Optional<Variable> variable(String sectionPrefix, String name) {
    for (int at : typeOffsets) {
      if (kind(at) != DATASEC || !name(at).startsWith(sectionPrefix)) {
        continue;
      }
      for (int i = 0; i < vlen(at); i++) {
        int entry = at + TYPE_BYTES + i * 12;
        int variable = offsetOf(word(entry));
        if (name(variable).equals(name)) {
          return Optional.of(
              new Variable(
                  name(at),
                  name,
                  Integer.toUnsignedLong(word(entry + 4)),
                  Integer.toUnsignedLong(word(entry + 8)),
                  isScalar(word(variable + 8))));
        }
      }
    }
    return Optional.empty();
  }

  /** Reads a struct or union. A member is its name, its type and its offset in bits. */
  private Struct structAt(int at) {
    List<Member> members = new ArrayList<>();
    // With the kind flag set, the upper 8 bits of an offset are a bit field's width.
    boolean hasBitFields = (word(at + 4) & 0x8000_0000) != 0;
    for (int i = 0; i < vlen(at); i++) {
      int entry = at + TYPE_BYTES + i * 12;
      int bits = word(entry + 8);
      long bitOffset = hasBitFields ? bits & 0xff_ffff : Integer.toUnsignedLong(bits);
      members.add(new Member(string(word(entry)), bitOffset / 8, sizeOf(word(entry + 4))));
    }
    return new Struct(name(at), Integer.toUnsignedLong(word(at + 8)), members);
  }

  /** The word at {@code at}; every read of a number goes through here. */
  private int word(int at) {
    if (at < 0 || at > bytes.limit() - Integer.BYTES) {
      throw new IllegalArgumentException("BTF refers beyond its end");
    }
    return bytes.getInt(at);
  }

  /** Whether a number can be written to a variable of this type. */
  private boolean isScalar(int type) {
    int kind = kind(resolve(type));
    return kind == INT || kind == ENUM || kind == ENUM64;
  }

  /** Bytes of a type; 0 for one that has no size, such as a function. */
  private long sizeOf(int type) {
    return sizeOf(type, 0);
  }

  private long sizeOf(int type, int depth) {
    if (depth > MAX_CHAIN) {
      throw new IllegalArgumentException("BTF type " + type + " contains itself");
    }
    int at = resolve(type);
    return switch (kind(at)) {
      case INT, STRUCT, UNION, ENUM, ENUM64, FLOAT, DATASEC -> Integer.toUnsignedLong(word(at + 8));
      case PTR -> 8;
      case ARRAY ->
          Integer.toUnsignedLong(word(at + TYPE_BYTES + 8))
              * sizeOf(word(at + TYPE_BYTES), depth + 1);
      default -> 0;
    };
  }

  /** Skips typedefs and qualifiers. */
  private int resolve(int type) {
    int at = offsetOf(type);
    for (int i = 0; i < MAX_CHAIN; i++) {
      switch (kind(at)) {
        case TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG -> at = offsetOf(word(at + 8));
        default -> {
          return at;
        }
      }
    }
    throw new IllegalArgumentException("BTF type " + type + " refers to itself");
  }

  /** Where the record of a type begins. */
  private int offsetOf(int type) {
    if (type < 1 || type > typeOffsets.size()) {
      throw new IllegalArgumentException("BTF has no type " + type);
    }
    return typeOffsets.get(type - 1);
  }

  /** The kind of the type whose record begins at {@code at}. */
  private int kind(int at) {
    return word(at + 4) >>> 24 & 0x1f;
  }

  /** How many members, constants, parameters or variables follow. */
  private int vlen(int at) {
    return word(at + 4) & 0xffff;
  }

  /** How long a record is beyond its first 12 bytes. */
  private int extraBytes(int at) {
    return switch (kind(at)) {
      case INT, VAR, DECL_TAG -> 4;
      case ARRAY -> 12;
      case STRUCT, UNION, DATASEC, ENUM64 -> vlen(at) * 12;
      case ENUM, FUNC_PROTO -> vlen(at) * 8;
      default -> 0;
    };
  }

  /** The name of the type whose record begins at {@code at}; empty if it has none. */
  private String name(int at) {
    return string(word(at));
  }

  private String string(int offset) {
    int begin = stringsAt + offset;
    int end = begin;
    while (begin >= 0 && end < bytes.limit() && bytes.get(end) != 0) {
      end++;
    }
    if (begin < 0 || end >= bytes.limit()) {
      throw new IllegalArgumentException("BTF refers beyond its end");
    }
    byte[] name = new byte[end - begin];
    bytes.get(begin, name);
    return new String(name, StandardCharsets.UTF_8);
  }
}
