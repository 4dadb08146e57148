// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Knows secrets in what is handed to others. It goes by where a value stands (a field named like a
 * secret, a variable of the environment) and by what it looks like (a private key, a token, a
 * password in a URL), and rather takes too much than too little.
 */
public final class Secrets {

  /** What stands in a secret's place. */
  public static final String REDACTED = "[redacted]";

  /** Words in the name of a field that make its value a secret. */
  private static final Pattern SECRET_NAME =
      Pattern.compile(
          "(pass(word|wd|phrase)?|secret|token|credential|private|api-?key|access-?key|auth-?key"
              + "|psk|kubeconfig|certificate|\\bkey-?(file|data|material))",
          Pattern.CASE_INSENSITIVE);

  /** Names that have such a word and are none. */
  private static final Set<String> NO_SECRET = Set.of("encryptkey", "auth-certificate-provider");

  /** What secrets look like wherever they stand. */
  private static final Pattern SECRET_TEXT =
      Pattern.compile(
          // PEM blocks; the end may be cut off.
          "-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)"
              // JSON web tokens.
              + "|eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]*"
              // Authorization headers.
              + "|(?i:bearer|basic) [A-Za-z0-9+/=_.-]{8,}"
              // Users and passwords in URLs.
              + "|(?<=://)[^/@\\s:]+:[^/@\\s]+(?=@)"
              // name=value and name: value.
              + "|(?i)(?<=(password|passwd|secret|token|credential|apikey|api-key)[=:]"
              + " ?)[^\\s,;\"]+",
          Pattern.DOTALL);

  /** Variables of the environment that say nothing but how a program is set up. */
  private static final Set<String> PLAIN_VARIABLES =
      Set.of("PATH", "HOME", "LANG", "PWD", "TERM", "JAVA_HOME", "CILIUM_SOCK", "K8S_NODE_NAME");

  private Secrets() {}

  /** Whether the value of a field of this name is a secret. */
  public static boolean isName(String name) {
    return SECRET_NAME.matcher(name).find() && !NO_SECRET.contains(name.toLowerCase(Locale.ROOT));
  }

  /** A variable of the environment, {@code NAME=value}, without its value unless that is known. */
  public static String variable(String assignment) {
    int equals = assignment.indexOf('=');
    String name = equals < 0 ? assignment : assignment.substring(0, equals);
    if (equals >= 0 && PLAIN_VARIABLES.contains(name)) {
      return name + "=" + text(assignment.substring(equals + 1));
    }
    return name + "=" + REDACTED;
  }

  /** A text without what looks like a secret. */
  public static String text(String text) {
    return SECRET_TEXT.matcher(text).replaceAll(REDACTED);
  }
}
