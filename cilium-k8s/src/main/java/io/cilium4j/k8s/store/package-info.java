// SPDX-License-Identifier: Apache-2.0

/**
 * The cluster's shared objects in a folder: the {@link io.cilium4j.core.spi.ClusterStore} named
 * {@code directory}, for clusters whose nodes run on one machine.
 *
 * <pre>
 *   DIR/store-id                        tells this store from another that came in its place
 *   DIR/ciliumnodes/NAME.json           a file an object, in the form that Kubernetes has of it
 *   DIR/ciliumendpoints/NAMESPACE.NAME.json
 *   DIR/ciliumidentities/NUMBER.json
 *   DIR/leases/NAME.json
 *   DIR/.locks/KIND-NN                  locked while objects of the kind are written
 *   DIR/.new/                           files that are being written
 * </pre>
 *
 * <p>An object is written beside its place and renamed, so that readers see the old or the new one.
 * Writers of one object take turns by a lock of the kernel, which ends with its process.
 *
 * <ol>
 *   <li>{@code ObjectCodec}: an object to JSON and back, one for each kind.
 *   <li>{@code StoreFolder}: whether the folder may be used, and is the one that it was.
 *   <li>{@code ObjectFile}: the content of a file, within bounds, with its version.
 *   <li>{@code ObjectLocks}: turns among threads and processes.
 *   <li>{@code KindFolder}: reads, writes and the table of one kind.
 *   <li>{@code DirectoryStore}: follows the folder by the kernel's signs and by regular looks.
 * </ol>
 */
package io.cilium4j.k8s.store;
