// SPDX-License-Identifier: Apache-2.0

/** Pods, a policy and real packets. */
package io.cilium4j.demo;
