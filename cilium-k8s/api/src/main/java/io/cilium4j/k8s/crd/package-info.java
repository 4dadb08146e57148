// SPDX-License-Identifier: Apache-2.0

/**
 * The definitions of Cilium's custom resources that are served: {@link
 * io.cilium4j.k8s.crd.CustomResources} has them as documents, {@link
 * io.cilium4j.k8s.crd.CustomResourceInstaller} brings a cluster up to them. The same as files are
 * in {@code crds/} of the jar.
 */
package io.cilium4j.k8s.crd;
