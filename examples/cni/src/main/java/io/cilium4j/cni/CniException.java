// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import java.util.LinkedHashMap;
import java.util.Map;

/** A call that is answered with an error. */
public final class CniException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What kind of error it is, by the number that a runtime reads. */
  public enum Code {
    /** The configuration's version is not one of {@link CniVersion}. */
    INCOMPATIBLE_VERSION(1),
    /** The configuration asks for something that is not built. */
    UNSUPPORTED_FIELD(2),
    /** There is no such container. */
    UNKNOWN_CONTAINER(3),
    /** A variable is missing or makes no sense. */
    INVALID_ENVIRONMENT(4),
    /** The configuration is no JSON. */
    DECODING_FAILURE(6),
    /** The configuration makes no sense. */
    INVALID_CONFIGURATION(7),
    /** It may work later. */
    TRY_AGAIN(11),
    /** {@code ADD} cannot be served now. */
    NOT_AVAILABLE(50),
    /** What {@code ADD} made is not there as it was made; the first number of a plugin's own. */
    CHANGED(100);

    private final int number;

    Code(int number) {
      this.number = number;
    }

    /** The number in the answer. */
    public int number() {
      return number;
    }
  }

  private final Code code;

  /** An error with one line that says what is wrong. */
  public CniException(Code code, String message) {
    super(message);
    this.code = code;
  }

  /** As above, with what brought it about. */
  public CniException(Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  /** What kind of error it is. */
  public Code code() {
    return code;
  }

  /** The answer, as a tree. */
  Map<String, Object> tree(CniVersion version) {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("cniVersion", version.toString());
    tree.put("code", code.number());
    tree.put("msg", String.valueOf(getMessage()));
    return tree;
  }
}
