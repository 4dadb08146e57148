// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/**
 * A call into libbpf or of bpf(2) failed. The {@link #argument} is what it was about: a map's or
 * program's name, a path, a device.
 */
public class BpfException extends SystemCallException {
  private static final long serialVersionUID = 1L;

  /** Of the function {@code call}, which answered {@code errno} for {@code object}. */
  public BpfException(String call, int errno, String object) {
    super(call, object, errno);
  }

  /**
   * As above, with what libbpf said; {@code errno} is 0 when the failure was found on this side.
   */
  public BpfException(String call, int errno, String object, String detail) {
    super(call, object, errno, detail);
  }
}
