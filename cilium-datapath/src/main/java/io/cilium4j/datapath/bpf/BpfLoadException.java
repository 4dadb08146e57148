// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/** The kernel refused an object; the whole verifier log stands behind {@link #verifierLog()}. */
public final class BpfLoadException extends BpfException {
  private static final long serialVersionUID = 1L;

  private final String verifierLog;

  BpfLoadException(int errno, String object, String detail, String verifierLog) {
    super("bpf_object__load", errno, object, detail);
    this.verifierLog = verifierLog;
  }

  /** What the verifier wrote, many lines; empty when the failure came before the verifier ran. */
  public String verifierLog() {
    return verifierLog;
  }
}
