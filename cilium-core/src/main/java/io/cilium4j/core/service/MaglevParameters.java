// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.service;

import java.util.Base64;
import java.util.List;

/**
 * What Maglev tables are made of beside backends: nodes that choose alike have the same.
 *
 * @param tableSize slots of a table, one of {@link #TABLE_SIZES}
 * @param hashSeed {@value #SEED_BYTES} bytes in base64
 */
public record MaglevParameters(int tableSize, String hashSeed) {

  /** Primes, so that every backend's way through a table leads to all of its slots. */
  public static final List<Integer> TABLE_SIZES =
      List.of(251, 509, 1021, 2039, 4093, 8191, 16_381, 32_749, 65_521, 131_071);

  /** Size of a seed. */
  public static final int SEED_BYTES = 12;

  /** 1021 slots: up to ten backends have the same share within 1 %; Cilium's own seed. */
  public static final MaglevParameters DEFAULT = new MaglevParameters(1021, "JLfvgnHc2kaSUFaI");

  /**
   * Checks both.
   *
   * @throws IllegalArgumentException if it is no such size or no such seed
   */
  public MaglevParameters {
    if (!TABLE_SIZES.contains(tableSize)) {
      throw new IllegalArgumentException(
          "Maglev table of " + tableSize + " slots: wanted one of " + TABLE_SIZES);
    }
    if (!isSeed(hashSeed)) {
      throw new IllegalArgumentException(
          "Maglev hash seed \"" + hashSeed + "\": wanted " + SEED_BYTES + " bytes in base64");
    }
  }

  /** Whether a text is a seed. */
  public static boolean isSeed(String text) {
    try {
      return Base64.getDecoder().decode(text).length == SEED_BYTES;
    } catch (IllegalArgumentException _) {
      return false;
    }
  }

  /** The seed's bytes. */
  public byte[] seed() {
    return Base64.getDecoder().decode(hashSeed);
  }
}
