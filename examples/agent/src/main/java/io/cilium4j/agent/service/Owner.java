// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

/** Who wants a frontend: a Service of Kubernetes, or a client of the API. */
sealed interface Owner permits KubernetesService, GivenService {}
