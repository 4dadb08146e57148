// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

/**
 * Who wants a frontend: a Service of Kubernetes ({@code KubernetesService}), or a client of the API
 * ({@code GivenService}).
 */
interface Owner {}
