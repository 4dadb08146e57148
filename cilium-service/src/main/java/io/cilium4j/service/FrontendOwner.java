// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

/** Who wants a frontend: a Service of Kubernetes, or a client of the API. */
public sealed interface FrontendOwner permits KubernetesService, RequestedService {}
