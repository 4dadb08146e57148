// SPDX-License-Identifier: Apache-2.0

/**
 * Services: what Kubernetes and the API's clients say of them, as rows for the datapath. In order:
 * {@code KubernetesService} and {@code Slice} read objects, {@code Backends} puts the slices of a
 * service together, {@code ServiceBook} decides who has an address, {@code ServiceController}
 * writes the rows, {@code NodeServices} is what clients ask.
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.agent.service;
