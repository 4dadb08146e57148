// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.ResourceKey;
import java.util.Optional;

/**
 * What the agent made of a policy object.
 *
 * @param key which object
 * @param revision what to wait for with {@link Agent#awaitPolicyRevision} until this version of the
 *     object is enforced
 * @param problem why this version cannot be accepted, in one line; the last good version stays in
 *     force then
 */
public record AppliedPolicy(ResourceKey key, long revision, Optional<String> problem) {}
