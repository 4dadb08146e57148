// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** One label, in its parts. */
public record Label(String key, String value, String source) {
  public Label {
    key = Absent.text(key);
    value = Absent.text(value);
    source = Absent.text(source);
  }
}
