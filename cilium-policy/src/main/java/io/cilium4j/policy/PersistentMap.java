// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * An immutable map of which a changed copy costs a handful of small arrays however large it is: a
 * hash array mapped trie.
 *
 * <p>Each level of the trie takes five bits of the key's hash. A node holds only the children that
 * are there; its bitmap tells which of the 32 places they stand for. A child is another node, one
 * mapping, or, where the whole hash is equal, a bucket of mappings.
 */
final class PersistentMap<K, V> {
  private static final int BITS_PER_LEVEL = 5;
  private static final int HASH_BITS = 32;

  private static final Node NO_NODE = new Node(0, new Object[0]);
  private static final PersistentMap<?, ?> EMPTY = new PersistentMap<>(NO_NODE, 0);

  private final Node root;
  private final int size;

  private PersistentMap(Node root, int size) {
    this.root = root;
    this.size = size;
  }

  /** A level of the trie. Its children are {@code Node}, {@code Map.Entry} or {@code Bucket}. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared; never changed once it is built.
  private record Node(int bitmap, Object[] children) {}

  /** Mappings of keys with the same hash. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared; never changed once it is built.
  private record Bucket(Map.Entry<?, ?>[] mappings) {}

  /** The map without a mapping. */
  static <K, V> PersistentMap<K, V> empty() {
    @SuppressWarnings("unchecked") // It holds nothing, so it holds nothing of another type.
    PersistentMap<K, V> empty = (PersistentMap<K, V>) EMPTY;
    return empty;
  }

  int size() {
    return size;
  }

  /** The value of a key, or null. */
  @Nullable V get(K key) {
    int hash = key.hashCode();
    Object child = root;
    for (int shift = 0; child instanceof Node node; shift += BITS_PER_LEVEL) {
      int bit = bit(hash, shift);
      if ((node.bitmap & bit) == 0) {
        return null;
      }
      child = node.children[index(node.bitmap, bit)];
    }
    if (child instanceof Bucket bucket) {
      for (Map.Entry<?, ?> mapping : bucket.mappings) {
        if (mapping.getKey().equals(key)) {
          return value(mapping);
        }
      }
      return null;
    }
    Map.Entry<?, ?> mapping = (Map.Entry<?, ?>) child;
    return mapping.getKey().equals(key) ? value(mapping) : null;
  }

  @SuppressWarnings("unchecked") // Only with() puts mappings here, and it takes K and V.
  private V value(Map.Entry<?, ?> mapping) {
    return (V) Objects.requireNonNull(mapping.getValue());
  }

  /** This map with this mapping in place of the key's former one. */
  PersistentMap<K, V> with(K key, V value) {
    boolean grows = get(key) == null;
    Node changed = (Node) put(root, 0, key.hashCode(), Map.entry(key, value));
    return new PersistentMap<>(changed, grows ? size + 1 : size);
  }

  /** This map without a mapping of this key. */
  PersistentMap<K, V> without(K key) {
    if (get(key) == null) {
      return this;
    }
    Object changed = remove(root, 0, key.hashCode(), key);
    return new PersistentMap<>(changed == null ? NO_NODE : (Node) changed, size - 1);
  }

  private static Object put(Object place, int shift, int hash, Map.Entry<?, ?> mapping) {
    if (place instanceof Node node) {
      int bit = bit(hash, shift);
      int index = index(node.bitmap, bit);
      if ((node.bitmap & bit) == 0) {
        return new Node(node.bitmap | bit, inserted(node.children, index, mapping));
      }
      Object child = put(node.children[index], shift + BITS_PER_LEVEL, hash, mapping);
      return new Node(node.bitmap, replaced(node.children, index, child));
    }
    if (place instanceof Bucket bucket) {
      return putInBucket(bucket, shift, hash, mapping);
    }
    Map.Entry<?, ?> there = (Map.Entry<?, ?>) place;
    if (there.getKey().equals(mapping.getKey())) {
      return mapping;
    }
    if (there.getKey().hashCode() == hash) {
      return new Bucket(new Map.Entry<?, ?>[] {there, mapping});
    }
    return split(there, there.getKey().hashCode(), shift, hash, mapping);
  }

  private static Object putInBucket(Bucket bucket, int shift, int hash, Map.Entry<?, ?> mapping) {
    int bucketHash = bucket.mappings[0].getKey().hashCode();
    if (bucketHash != hash) {
      return split(bucket, bucketHash, shift, hash, mapping);
    }
    for (int i = 0; i < bucket.mappings.length; i++) {
      if (bucket.mappings[i].getKey().equals(mapping.getKey())) {
        Map.Entry<?, ?>[] changed = bucket.mappings.clone();
        changed[i] = mapping;
        return new Bucket(changed);
      }
    }
    Map.Entry<?, ?>[] grown = Arrays.copyOf(bucket.mappings, bucket.mappings.length + 1);
    grown[bucket.mappings.length] = mapping;
    return new Bucket(grown);
  }

  /** A node that holds both, one level down. */
  private static Object split(
      Object there, int thereHash, int shift, int hash, Map.Entry<?, ?> mapping) {
    Node alone = new Node(bit(thereHash, shift), new Object[] {there});
    return put(alone, shift, hash, mapping);
  }

  private static @Nullable Object remove(Object place, int shift, int hash, Object key) {
    if (place instanceof Node node) {
      int bit = bit(hash, shift);
      int index = index(node.bitmap, bit);
      Object child = remove(node.children[index], shift + BITS_PER_LEVEL, hash, key);
      if (child != null) {
        return new Node(node.bitmap, replaced(node.children, index, child));
      }
      int bitmap = node.bitmap & ~bit;
      return bitmap == 0 ? null : new Node(bitmap, removed(node.children, index));
    }
    if (place instanceof Bucket bucket) {
      Map.Entry<?, ?>[] left =
          Arrays.stream(bucket.mappings)
              .filter(mapping -> !mapping.getKey().equals(key))
              .toArray(Map.Entry<?, ?>[]::new);
      return left.length == 1 ? left[0] : new Bucket(left);
    }
    return null;
  }

  /** Calls {@code action} for each mapping, in no order. */
  void forEach(BiConsumer<? super K, ? super V> action) {
    visit(root, action);
  }

  @SuppressWarnings("unchecked") // Only with() puts mappings here, and it takes K and V.
  private void visit(Object place, BiConsumer<? super K, ? super V> action) {
    switch (place) {
      case Node node -> {
        for (Object child : node.children) {
          visit(child, action);
        }
      }
      case Bucket bucket -> {
        for (Map.Entry<?, ?> mapping : bucket.mappings) {
          action.accept((K) mapping.getKey(), value(mapping));
        }
      }
      default -> {
        Map.Entry<?, ?> mapping = (Map.Entry<?, ?>) place;
        action.accept((K) mapping.getKey(), value(mapping));
      }
    }
  }

  /** The place of a hash at a level. Below the last level the hashes are equal. */
  private static int bit(int hash, int shift) {
    return shift >= HASH_BITS ? 1 : 1 << ((hash >>> shift) & 31);
  }

  private static int index(int bitmap, int bit) {
    return Integer.bitCount(bitmap & (bit - 1));
  }

  private static Object[] inserted(Object[] items, int index, Object item) {
    Object[] grown = new Object[items.length + 1];
    System.arraycopy(items, 0, grown, 0, index);
    grown[index] = item;
    System.arraycopy(items, index, grown, index + 1, items.length - index);
    return grown;
  }

  private static Object[] replaced(Object[] items, int index, Object item) {
    Object[] copy = items.clone();
    copy[index] = item;
    return copy;
  }

  private static Object[] removed(Object[] items, int index) {
    Object[] shrunk = new Object[items.length - 1];
    System.arraycopy(items, 0, shrunk, 0, index);
    System.arraycopy(items, index + 1, shrunk, index, shrunk.length - index);
    return shrunk;
  }
}
