// SPDX-License-Identifier: Apache-2.0

/** Kubernetes objects as rows. */
package io.cilium4j.k8s;
