// SPDX-License-Identifier: Apache-2.0

/**
 * Kubernetes objects as rows of tables.
 *
 * <p>The source {@code directory} ({@link io.cilium4j.k8s.DirectorySourceProvider}) reads a folder
 * of YAML or JSON manifests and follows it. A file passes through, one class a step:
 *
 * <ol>
 *   <li>{@code DirectoryScanner}: which files are there, which changed, and their text, within
 *       bounds; nothing outside of the folder is read.
 *   <li>{@code ManifestReader}: text to documents, each a tree.
 *   <li>{@code Manifests}: a document to a {@code Manifest}, the typed form of the few kinds that
 *       others need as such; the rest goes on as text.
 *   <li>{@code Kinds}: which kinds are read, and which are a mistake.
 *   <li>{@code ManifestStore}: which file counts where two define one object, and what stays of an
 *       object whose file is wrong now, over a restart too.
 *   <li>{@code DirectorySource}: prepares the pods' labels with {@link io.cilium4j.core.PodLabels},
 *       writes the tables, and decides when to look.
 * </ol>
 *
 * <p>What is wrong is told in the table of problems, one line with file, document and what; the
 * object stays as it was last good. {@link io.cilium4j.k8s.ManifestFolder} goes the same way once,
 * for whoever wants to know beforehand.
 */
package io.cilium4j.k8s;
