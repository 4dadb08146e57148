// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** A DNS selector and the expression it stands for. */
public record SelectorEntry(String selectorString, String regexString) {
  public SelectorEntry {
    selectorString = Absent.text(selectorString);
    regexString = Absent.text(regexString);
  }
}
