// SPDX-License-Identifier: Apache-2.0

/**
 * A document of Kubernetes to the object that it describes, and such objects to the tables of a
 * source. For the sources of this project alone: one reads files, the other asks an API server.
 */
package io.cilium4j.k8s.manifest;
