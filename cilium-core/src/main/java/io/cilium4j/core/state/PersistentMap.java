// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * A sorted map that never changes: a "change" makes a new map, which shares all but O(log n) nodes
 * with the old one. That is what lets a table hand out snapshots for the price of a reference. Any
 * number of threads may read it. Keys are told apart by the order alone; values are never null.
 *
 * <p>An AVL tree: the heights of a node's two subtrees differ by at most one, so a look-up visits
 * at most 1.44 log2(n) nodes whatever the order of insertion, hostile ones included.
 */
public final class PersistentMap<K, V> implements Iterable<PersistentMap.Node<K, V>> {

  /** One entry, which is also the root of a subtree. */
  public static final class Node<K, V> {
    final K key;
    final V value;
    final @Nullable Node<K, V> left;
    final @Nullable Node<K, V> right;
    final int height;

    Node(K key, V value, @Nullable Node<K, V> left, @Nullable Node<K, V> right) {
      this.key = key;
      this.value = value;
      this.left = left;
      this.right = right;
      this.height = 1 + Math.max(heightOf(left), heightOf(right));
    }

    /** The entry's key. */
    public K key() {
      return key;
    }

    /** The entry's value. */
    public V value() {
      return value;
    }
  }

  private final Comparator<? super K> order;
  private final @Nullable Node<K, V> root;
  private final int size;

  private PersistentMap(Comparator<? super K> order, @Nullable Node<K, V> root, int size) {
    this.order = order;
    this.root = root;
    this.size = size;
  }

  /** The map without an entry, in the natural order of its keys. */
  public static <K extends Comparable<? super K>, V> PersistentMap<K, V> empty() {
    return empty(Comparator.naturalOrder());
  }

  /** The map without an entry, in an order that tells all its keys apart. */
  public static <K, V> PersistentMap<K, V> empty(Comparator<? super K> order) {
    return new PersistentMap<>(order, null, 0);
  }

  /** How many entries there are. */
  public int size() {
    return size;
  }

  /** The value of a key, or null. */
  public @Nullable V get(K key) {
    Node<K, V> node = root;
    while (node != null) {
      int side = order.compare(key, node.key);
      if (side == 0) {
        return node.value;
      }
      node = side < 0 ? node.left : node.right;
    }
    return null;
  }

  /** This map with {@code key} leading to {@code value}. */
  public PersistentMap<K, V> put(K key, V value) {
    int[] replaced = new int[1]; // One walk does both: a map that was just loaded is put to much.
    Node<K, V> changed = insert(root, key, value, replaced);
    return new PersistentMap<>(order, changed, size + 1 - replaced[0]);
  }

  /** This map without {@code key}; the same object when it has none. */
  public PersistentMap<K, V> remove(K key) {
    return get(key) == null ? this : new PersistentMap<>(order, delete(root, key), size - 1);
  }

  /** Also counts the entries that the new one takes the place of: none or one. */
  private Node<K, V> insert(@Nullable Node<K, V> node, K key, V value, int[] replaced) {
    if (node == null) {
      return new Node<>(key, value, null, null);
    }
    int side = order.compare(key, node.key);
    if (side == 0) {
      replaced[0]++;
      return new Node<>(key, value, node.left, node.right);
    }
    return side < 0
        ? balanced(node, insert(node.left, key, value, replaced), node.right)
        : balanced(node, node.left, insert(node.right, key, value, replaced));
  }

  private @Nullable Node<K, V> delete(@Nullable Node<K, V> node, K key) {
    if (node == null) {
      return null;
    }
    int side = order.compare(key, node.key);
    if (side < 0) {
      return balanced(node, delete(node.left, key), node.right);
    }
    if (side > 0) {
      return balanced(node, node.left, delete(node.right, key));
    }
    if (node.left == null) {
      return node.right;
    }
    if (node.right == null) {
      return node.left;
    }
    // Two subtrees: the smallest entry of the right one takes the removed entry's place.
    Node<K, V> successor = node.right;
    while (successor.left != null) {
      successor = successor.left;
    }
    return balanced(successor, node.left, delete(node.right, successor.key));
  }

  /** The entry of {@code middle} over two subtrees whose heights differ by at most two. */
  private static <K, V> Node<K, V> balanced(
      Node<K, V> middle, @Nullable Node<K, V> left, @Nullable Node<K, V> right) {
    int lean = heightOf(left) - heightOf(right);
    if (lean > 1 && left != null) {
      Node<K, V> inner = left.right;
      if (inner == null || heightOf(left.left) >= inner.height) {
        return join(left, left.left, join(middle, inner, right));
      }
      return join(inner, join(left, left.left, inner.left), join(middle, inner.right, right));
    }
    if (lean < -1 && right != null) {
      Node<K, V> inner = right.left;
      if (inner == null || heightOf(right.right) >= inner.height) {
        return join(right, join(middle, left, inner), right.right);
      }
      return join(inner, join(middle, left, inner.left), join(right, inner.right, right.right));
    }
    return join(middle, left, right);
  }

  private static <K, V> Node<K, V> join(
      Node<K, V> entry, @Nullable Node<K, V> left, @Nullable Node<K, V> right) {
    return new Node<>(entry.key, entry.value, left, right);
  }

  private static int heightOf(@Nullable Node<?, ?> node) {
    return node == null ? 0 : node.height;
  }

  /** All entries in the order of keys. */
  @Override
  public Iterator<Node<K, V>> iterator() {
    var cursor = new Cursor<K, V>();
    cursor.descend(root);
    return cursor;
  }

  /**
   * The entries with a key above {@code floor}: O(log n) to the first, O(1) from one to another.
   */
  public Iterator<Node<K, V>> above(K floor) {
    var cursor = new Cursor<K, V>();
    Node<K, V> node = root;
    while (node != null) {
      if (order.compare(node.key, floor) > 0) {
        cursor.path.push(node);
        node = node.left;
      } else {
        node = node.right;
      }
    }
    return cursor;
  }

  /** Walks in order; the path holds the nodes that still have to be given out. */
  private static final class Cursor<K, V> implements Iterator<Node<K, V>> {
    private final Deque<Node<K, V>> path = new ArrayDeque<>();

    private void descend(@Nullable Node<K, V> from) {
      for (Node<K, V> node = from; node != null; node = node.left) {
        path.push(node);
      }
    }

    @Override
    public boolean hasNext() {
      return !path.isEmpty();
    }

    @Override
    public Node<K, V> next() {
      Node<K, V> node = path.poll();
      if (node == null) {
        throw new NoSuchElementException();
      }
      descend(node.right);
      return node;
    }
  }
}
