// SPDX-License-Identifier: Apache-2.0

/**
 * From the names that endpoints ask DNS for to the rules that name names: what they were told,
 * which labels an address has for it, and how long.
 */
package io.cilium4j.agent.dns;
