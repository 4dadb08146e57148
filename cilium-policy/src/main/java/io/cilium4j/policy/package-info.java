// SPDX-License-Identifier: Apache-2.0

/** Network policy: language, compiler, verdicts explained. */
package io.cilium4j.policy;
