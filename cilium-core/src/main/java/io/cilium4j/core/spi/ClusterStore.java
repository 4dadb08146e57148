// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterObject;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Table;
import java.util.List;
import java.util.Optional;

/**
 * What the agents and operators of a cluster share: a few kinds of objects, each of which is
 * written as a whole or not at all, and only by whoever knew its latest version.
 *
 * <p>Reading comes in two kinds. A {@link Objects#table} follows the store and may lag behind: it
 * is what an agent works from. {@link Objects#read} and {@link Objects#list} ask the store itself:
 * they are for decisions that must not rest on old knowledge.
 *
 * <p>When the store cannot be reached the tables stay as they are, {@link #problems} says so, the
 * other calls throw, and everything is caught up with afterwards. An object that cannot be read
 * stays in its table as it was last good, with a line in {@link #problems}.
 *
 * <p>Safe for use by several threads. Calls may wait for other machines or a disk.
 */
@Experimental
public interface ClusterStore extends AutoCloseable {

  /** The implementation's name: {@code directory}, {@code api-server}. */
  String name();

  /** The nodes; the status is {@link ClusterNode#allocationError}. */
  WithStatus<ClusterNode> nodes();

  /** The endpoints of all nodes; the status is all of it but its name. */
  WithStatus<PublishedEndpoint> endpoints();

  /** The cluster-wide identities. */
  Objects<ClusterIdentity> identities();

  /** The leases. */
  Objects<Lease> leases();

  /** The pools that nodes' prefixes are cut from. */
  Objects<PodIpPool> pools();

  /** What is wrong now, one line each, by where it is wrong. */
  Table<String, String> problems();

  /** Lets go of connections, files and threads; a second call does nothing. */
  @Override
  void close();

  /**
   * An object with the version under which the store has it.
   *
   * @param version opaque; no two states of an object have the same, over deletions too
   */
  record Stored<T extends ClusterObject>(T value, String version) {}

  /**
   * The objects of a kind.
   *
   * <p>Each write has a deadline. A write that was not carried out by then never will be, whatever
   * became of the answer: who waits until then may act on what he reads.
   */
  interface Objects<T extends ClusterObject> {

    /**
     * The objects by key, followed. Initialised once everything is in it that existed when the
     * store was opened. What was written through this store is in it when the write returns.
     */
    Table<String, Stored<T>> table();

    /**
     * The object as it is now.
     *
     * @throws ClusterStoreException if the store cannot be asked, or the object cannot be read
     */
    Optional<Stored<T>> read(String key);

    /**
     * All objects as they are now, by key. No write that began before and is not in it is carried
     * out later, but those whose deadline is to come.
     *
     * @throws ClusterStoreException if the store cannot be asked, or if one of them cannot be read:
     *     nothing is taken for absent
     */
    List<Stored<T>> list();

    /**
     * Creates the object.
     *
     * @return what is stored now; absent if there is one of this key already
     * @throws ClusterStoreException if that could not be done, or nobody knows whether it was
     */
    Optional<Stored<T>> create(T value, Deadline deadline);

    /**
     * Puts {@code value} in place of what was read.
     *
     * @return what is stored now; absent if the object changed meanwhile, or is gone
     * @throws IllegalArgumentException if the keys differ
     * @throws ClusterStoreException if that could not be done, or nobody knows whether it was
     */
    Optional<Stored<T>> replace(Stored<T> before, T value, Deadline deadline);

    /**
     * Deletes the object as it was read.
     *
     * @return whether it did; false if the object changed meanwhile, or is gone
     * @throws ClusterStoreException if that could not be done, or nobody knows whether it was
     */
    boolean delete(Stored<T> before, Deadline deadline);
  }

  /** The objects of a kind of which a part is its status, written by other hands than the rest. */
  interface WithStatus<T extends ClusterObject> extends Objects<T> {

    /**
     * Writes the status of the object, whatever its version; all else stays as it is.
     *
     * @return what is stored now; absent if there is no such object
     * @throws ClusterStoreException if that could not be done, or nobody knows whether it was
     */
    Optional<Stored<T>> patchStatus(T value, Deadline deadline);
  }
}
