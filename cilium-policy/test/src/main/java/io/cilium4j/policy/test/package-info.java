// SPDX-License-Identifier: Apache-2.0
/**
 * Network policies in JUnit tests. {@link io.cilium4j.policy.test.PolicyTests} reads a folder of
 * Kubernetes manifests and answers who reaches whom; no cluster, kernel or container is needed.
 */
package io.cilium4j.policy.test;
