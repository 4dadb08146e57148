// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What access records do not tell of a request. Rules see everything; this is about what people and
 * files see afterwards.
 *
 * <p>Always hidden are the values of headers that hold credentials by their name, unless {@link
 * #shownHeaders} has the name, and users and passwords in URLs. Everything else is told, unless
 * redaction is {@linkplain #isOn on}: then the values of headers are hidden except for those of
 * {@link #shownHeaders}, or, if {@link #hiddenHeaders} has names, of those alone.
 *
 * @param isOn whether more is hidden than credentials
 * @param hidesQuery whether paths are told without their query; needs {@code isOn}
 * @param shownHeaders names of headers in lower case whose values are told
 * @param hiddenHeaders names of headers in lower case whose values are hidden; not beside {@code
 *     shownHeaders}
 */
public record Redaction(
    boolean isOn, boolean hidesQuery, Set<String> shownHeaders, Set<String> hiddenHeaders) {

  /** Credentials alone. */
  public static final Redaction CREDENTIALS = new Redaction(false, false, Set.of(), Set.of());

  /** What stands in place of a value, as Cilium writes it. */
  public static final String REDACTED = "HUBBLE_REDACTED";

  /** Parts of names of headers that may hold credentials. */
  private static final List<String> SECRET =
      List.of("auth", "cookie", "token", "secret", "password", "key", "session", "credential");

  /** Who asks, in a URL. */
  private static final Pattern USER = Pattern.compile("(?<=://)[^/?#@\\s]*(?=@)");

  /**
   * Takes names in any case.
   *
   * @throws IllegalArgumentException if headers are both shown and hidden
   */
  public Redaction {
    shownHeaders = lower(shownHeaders);
    hiddenHeaders = lower(hiddenHeaders);
    if (!shownHeaders.isEmpty() && !hiddenHeaders.isEmpty()) {
      throw new IllegalArgumentException("headers to show, or headers to hide, but not both");
    }
  }

  private static Set<String> lower(Collection<String> names) {
    return names.stream()
        .map(name -> name.toLowerCase(Locale.ROOT))
        .collect(Collectors.toUnmodifiableSet());
  }

  /** A header's value as it is told. */
  String header(String name, String value) {
    String lower = name.toLowerCase(Locale.ROOT);
    if (isOn && shownHeaders.contains(lower)) {
      return value;
    }
    boolean isHidden = isOn && (hiddenHeaders.isEmpty() || hiddenHeaders.contains(lower));
    return isHidden || SECRET.stream().anyMatch(lower::contains) ? REDACTED : withoutUser(value);
  }

  /** A path as it is told. */
  String path(String path) {
    int query = isOn && hidesQuery ? path.indexOf('?') : -1;
    return withoutUser(query < 0 ? path : path.substring(0, query));
  }

  /** A text without who asks in its URLs. */
  static String withoutUser(String text) {
    return text.indexOf('@') < 0 ? text : USER.matcher(text).replaceAll(REDACTED);
  }
}
