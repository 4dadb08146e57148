// SPDX-License-Identifier: Apache-2.0

/**
 * A second reading of the policy language, to check the engine against. {@link
 * io.cilium4j.policy.naive.NaiveEvaluator} decides one flow at a time over the raw trees of the
 * policy objects, by walking the rules as the specification words them. It shares no code with the
 * engine, and uses nothing but {@code java.util}.
 */
@org.jspecify.annotations.NullMarked
package io.cilium4j.policy.naive;
