// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import io.cilium4j.core.spi.DatapathException;

/**
 * A call into libbpf or the kernel failed. The message is one line, {@code call object: ERRNO
 * (detail)}; its parts are readable one by one.
 */
public class BpfException extends DatapathException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final int errno;
  private final String object;

  /** Of the function {@code call}, which answered {@code errno} for {@code object}. */
  public BpfException(String call, int errno, String object) {
    this(call, errno, object, "");
  }

  /** As above, with what else is known about the failure; empty when nothing is. */
  public BpfException(String call, int errno, String object, String detail) {
    super(
        call
            + ' '
            + object
            + ": "
            + (errno == 0 ? "" : Errno.nameOf(errno))
            + (detail.isEmpty() ? "" : (errno == 0 ? detail : " (" + detail + ')')));
    this.call = call;
    this.errno = errno;
    this.object = object;
  }

  /** The function that failed, by its C name. */
  public String call() {
    return call;
  }

  /** The error number, positive; 0 when the failure was found on this side of the call. */
  public int errno() {
    return errno;
  }

  /** The error number's name, as {@code EPERM}. */
  public String errnoName() {
    return Errno.nameOf(errno);
  }

  /** What the call was about: a map's or program's name, a path, a device. */
  public String object() {
    return object;
  }
}
