// SPDX-License-Identifier: Apache-2.0

/**
 * Kits that any implementation of a seam must pass, ours and a third party's alike.
 *
 * <p>An implementation's tests extend the kit of its seam and say how to make one; JUnit finds the
 * kit's tests by itself:
 *
 * <pre>
 *   class EtcdBackendTest extends IdentityBackendConformance {
 *     {@literal @}Override protected IdentityBackend open(Scheduler scheduler) { ... }
 *   }
 * </pre>
 *
 * <p>A kit asks for what the seam's documentation promises and for nothing else, so that passing it
 * is what "implements the seam" means. What an implementation promises on top (how long it keeps a
 * number, how many addresses a prefix has) it tests itself.
 */
package io.cilium4j.conformance;
