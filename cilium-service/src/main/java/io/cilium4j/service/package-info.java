// SPDX-License-Identifier: Apache-2.0

/**
 * Services: what Kubernetes and clients of the API say of them, as rows for the datapath. In order:
 * {@code KubernetesService} and {@code EndpointSlice} read objects, {@code Backends} puts the
 * slices of a service together, {@code ServiceObjects} reads anew what changed, {@code
 * FrontendOwners} decides who has a frontend, {@code ServiceController} writes the rows, {@code
 * RequestedServices} takes what clients put.
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.service;
