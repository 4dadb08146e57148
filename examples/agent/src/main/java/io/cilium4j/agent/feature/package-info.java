// SPDX-License-Identifier: Apache-2.0

/**
 * The features of an agent, each one screen of wiring: what it opens, which parts run, what it
 * measures and what it says is wrong. A feature knows the features above it and none below.
 *
 * <pre>
 *   addresses   datapath   source
 *        \________ | _______/
 *               identity
 *                  |
 *                policy
 *                  |
 *              endpoints
 *                  |
 *                flows
 * </pre>
 */
package io.cilium4j.agent.feature;
