// SPDX-License-Identifier: Apache-2.0

/** One leader among several processes, by a lease in the cluster's store. */
package io.cilium4j.k8s.election;
