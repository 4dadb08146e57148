// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import java.nio.file.Path;

/**
 * Tells whether somebody has a file open to write to it, which the JDK cannot. Found by {@link
 * java.util.ServiceLoader}; safe for use by several threads.
 */
@Experimental
public interface FileWriters {

  /** Who writes to a file. */
  enum Answer {
    /** Somebody has it open for writing: it may be half of what it is to become. */
    SOMEBODY,
    /** Nobody has. */
    NOBODY,
    /** It cannot be told here: of this file system, or for want of permission. */
    UNKNOWN
  }

  /** Who writes to a file now. */
  Answer of(Path file);
}
