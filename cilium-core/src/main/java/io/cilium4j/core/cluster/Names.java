// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.cluster;

import java.util.regex.Pattern;

/** The form of names in Kubernetes. */
final class Names {
  /** Longest name, in characters. */
  private static final int MAX_CHARS = 253;

  private static final Pattern FORM = Pattern.compile("[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?");

  /** Without a dot, so that it can stand before one. */
  private static final Pattern LABEL = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");

  private Names() {}

  static void require(String what, String name) {
    require(FORM, what, name, "wanted 1 to 253 of a-z, 0-9, '-' and '.'");
  }

  static void requireLabel(String what, String name) {
    require(LABEL, what, name, "wanted 1 to 63 of a-z, 0-9 and '-'");
  }

  private static void require(Pattern form, String what, String name, String wanted) {
    if (!form.matcher(name).matches()) {
      String shown = name.length() > MAX_CHARS ? name.substring(0, MAX_CHARS) : name;
      throw new IllegalArgumentException(what + " \"" + shown + "\": " + wanted);
    }
  }
}
