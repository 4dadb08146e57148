// SPDX-License-Identifier: Apache-2.0

/**
 * From tables of policy objects, endpoints and identities to the table of what the datapath is to
 * hold. In the order in which a policy object passes through:
 *
 * <ol>
 *   <li>It comes from Kubernetes, from the embedding program ({@link
 *       io.cilium4j.policy.controller.ProgramPolicies}) or from a client of the API ({@link
 *       io.cilium4j.policy.controller.ApiRules}).
 *   <li>{@link io.cilium4j.policy.controller.PolicyRules} puts it into force, or leaves the last
 *       good version in force and says why.
 *   <li>{@link io.cilium4j.policy.controller.PolicyController} has the policy of each endpoint
 *       compiled that it changes, and writes the rows that follow.
 * </ol>
 */
package io.cilium4j.policy.controller;
