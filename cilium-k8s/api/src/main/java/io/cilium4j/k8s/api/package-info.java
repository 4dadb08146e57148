// SPDX-License-Identifier: Apache-2.0

/**
 * A Kubernetes API server as source of objects and as store of a cluster, over the JDK's own HTTP
 * client. From below:
 *
 * <ol>
 *   <li>{@link io.cilium4j.k8s.api.ApiOptions}: where the server is and who we are, from a
 *       kubeconfig or a pod's service account ({@code ApiAccess}).
 *   <li>{@link io.cilium4j.k8s.api.ApiClient}: single requests with a deadline that the server
 *       keeps as well, and streams.
 *   <li>{@code Listing}, {@code Reflector}: all objects of a kind, and what becomes of them.
 *   <li>{@code ApiSource} and {@code ApiStore}: the same as tables, and to be written to.
 * </ol>
 */
package io.cilium4j.k8s.api;
