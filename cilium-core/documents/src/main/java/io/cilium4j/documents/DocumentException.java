// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.documents;

/** A text that is no document that is read here: the line, what is wrong, and what was wanted. */
public final class DocumentException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final int line;
  private final String problem;
  private final String wanted;
  private final boolean isSyntax;

  DocumentException(int line, String problem, String wanted) {
    super(message(line, problem, wanted));
    this.line = line;
    this.problem = problem;
    this.wanted = wanted;
    this.isSyntax = false;
  }

  DocumentException(int line, String problem, String wanted, Throwable cause) {
    super(message(line, problem, wanted), cause);
    this.line = line;
    this.problem = problem;
    this.wanted = wanted;
    this.isSyntax = true;
  }

  private static String message(int line, String problem, String wanted) {
    return (line > 0 ? "line " + line + ": " : "") + problem + ": wanted " + wanted;
  }

  /** The line, from 1; 0 where it is not known. */
  public int line() {
    return line;
  }

  /** What is wrong. It may quote the text, and is one line. */
  public String problem() {
    return problem;
  }

  /** What may stand there. */
  public String wanted() {
    return wanted;
  }

  /** Whether the text is no YAML or JSON at all; false where it breaks a rule or bound of ours. */
  public boolean isSyntax() {
    return isSyntax;
  }
}
