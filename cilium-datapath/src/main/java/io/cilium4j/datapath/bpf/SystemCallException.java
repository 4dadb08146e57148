// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import io.cilium4j.core.spi.DatapathException;

/**
 * The kernel refused a call. The message is one line, {@code CALL ARGUMENT: ERRNO}; the parts stand
 * beside it for programs. EPERM is never reported as absence.
 */
public class SystemCallException extends DatapathException {
  private static final long serialVersionUID = 1L;

  private final String call;
  private final String argument;
  private final int errno;

  /**
   * A refused call.
   *
   * @param call name of the call, for example {@code setns}
   * @param argument what it was about: a path, a device, a descriptor
   * @param errno the kernel's error number, above 0
   */
  public SystemCallException(String call, String argument, int errno) {
    this(call, argument, errno, "");
  }

  /**
   * As above, with what is known beyond the number; empty if nothing is. The number is 0 where the
   * failure was found on this side of the call.
   */
  protected SystemCallException(String call, String argument, int errno, String detail) {
    super(
        call
            + " "
            + argument
            + ": "
            + (errno == 0 ? detail : Errno.nameOf(errno))
            + (errno == 0 || detail.isEmpty() ? "" : " (" + detail + ")"));
    this.call = call;
    this.argument = argument;
    this.errno = errno;
  }

  /** Name of the call. */
  public String call() {
    return call;
  }

  /** What the call was about. */
  public String argument() {
    return argument;
  }

  /** The kernel's error number; 0 where the failure was found on this side of the call. */
  public int errno() {
    return errno;
  }

  /** The error number's name, for example {@code EEXIST}. */
  public String errnoName() {
    return Errno.nameOf(errno);
  }
}
