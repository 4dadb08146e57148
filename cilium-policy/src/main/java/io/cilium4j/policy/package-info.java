// SPDX-License-Identifier: Apache-2.0
/**
 * The policy engine: reads policies, decides flows, says why.
 *
 * <p>From text to verdict, in the order in which to read it:
 *
 * <ol>
 *   <li>{@link io.cilium4j.policy.PolicyParser} reads YAML or JSON into records that say what the
 *       author wrote: {@link io.cilium4j.policy.CiliumPolicy}, {@link
 *       io.cilium4j.policy.NetworkPolicy}, {@link io.cilium4j.policy.ClusterNetworkPolicy}. What
 *       cannot be accepted is a {@link io.cilium4j.policy.PolicyParseException} of one line.
 *   <li>{@link io.cilium4j.policy.PolicyRepository} keeps them. A {@code Flattener} turns each into
 *       a list of entries of one form, and gives each rule a cookie. Its {@link
 *       io.cilium4j.policy.RulesSnapshot} never changes.
 *   <li>{@link io.cilium4j.policy.IdentitiesSnapshot} is who there is to talk to.
 *   <li>{@link io.cilium4j.policy.PolicyCompiler} takes a subject and the two snapshots and gives a
 *       {@link io.cilium4j.policy.CompiledPolicy}: per direction a {@code DirectionPlan}, in it for
 *       each class of identities that the same rules concern a {@code ClassTable}, and out of all
 *       of them one {@link io.cilium4j.core.PolicyMapState}, which is what gets enforced.
 *   <li>{@link io.cilium4j.policy.CompiledPolicy#explain} names the rule behind a verdict.
 * </ol>
 *
 * <p>
 *
 * {@snippet :
 * var config = PolicyConfig.DEFAULT;
 * var repository = new PolicyRepository(config);
 * repository.add(PolicyParser.parse(yaml, "rules.yaml", config));
 * var identities = IdentitiesSnapshot.reserved().with(List.of(client, server));
 * CompiledPolicy policy =
 *     new PolicyCompiler(config)
 *         .compile(PolicySubject.of(server.identity()), repository.snapshot(), identities);
 * policy.verdict(TrafficDirection.INGRESS, client.identity().id(), 6, 80);
 * }
 *
 * <p>Two rules hold everywhere here: absent is deny, and empty is not absent.
 */
package io.cilium4j.policy;
