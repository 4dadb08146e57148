// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

/**
 * A policy that cannot be accepted: which object of which file, which field, what stands there and
 * what may stand there. The message is one line.
 */
public final class PolicyParseException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Longest piece of the input that a message repeats, in characters. */
  private static final int MAX_FOUND_CHARS = 80;

  private final String source;
  private final String object;
  private final String path;
  private final String found;
  private final String allowed;

  PolicyParseException(String source, String object, String path, String found, String allowed) {
    super(message(source, object, path, shorten(found), allowed));
    this.source = source;
    this.object = object;
    this.path = path;
    this.found = shorten(found);
    this.allowed = allowed;
  }

  private static String message(
      String source, String object, String path, String found, String allowed) {
    return source
        + ": "
        + (object.isEmpty() ? "" : object + ": ")
        + (path.isEmpty() ? "" : path + ": ")
        + "found "
        + found
        + ", wanted "
        + allowed;
  }

  /** One line, without control characters: the text comes from outside and goes to terminals. */
  private static String shorten(String found) {
    String cut =
        found.length() > MAX_FOUND_CHARS ? found.substring(0, MAX_FOUND_CHARS) + "…" : found;
    return cut.replaceAll("\\p{Cntrl}", " ");
  }

  /** The file or stream that was read. */
  public String source() {
    return source;
  }

  /** The object, for example {@code CiliumNetworkPolicy default/rule1}; empty where unknown. */
  public String object() {
    return object;
  }

  /** The field, for example {@code spec.ingress[0].fromCIDR[1]}; empty for the whole document. */
  public String path() {
    return path;
  }

  /** What stands there. */
  public String found() {
    return found;
  }

  /** What may stand there. */
  public String allowed() {
    return allowed;
  }

  /** The line; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
