// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.util.Iterator;

/**
 * What a request that a server has read for itself is for. A client may name a whole URL in place
 * of a path, and more than one host; rules must see of it what the server acts on.
 */
final class Targets {
  private Targets() {}

  /** Where the authority of a URL begins; 0 for a path, and what else stands in its place. */
  private static int authority(String target) {
    int scheme = 0;
    while (scheme < target.length() && isOfScheme(target.charAt(scheme))) {
      scheme++;
    }
    return scheme > 0 && target.startsWith("://", scheme) ? scheme + 3 : 0;
  }

  /** Else a URL in the query of a target without scheme would pass for the target. */
  private static boolean isOfScheme(char c) {
    return (c >= 'a' && c <= 'z')
        || (c >= 'A' && c <= 'Z')
        || (c >= '0' && c <= '9')
        || c == '+'
        || c == '-'
        || c == '.';
  }

  private static int endOfAuthority(String target, int from) {
    int end = from;
    while (end < target.length() && "/?#".indexOf(target.charAt(end)) < 0) {
      end++;
    }
    return end;
  }

  /** The path and query, without the authority that a URL has. */
  static String path(String target) {
    int from = authority(target);
    if (from == 0) {
      return target;
    }
    int end = endOfAuthority(target, from);
    return target.startsWith("/", end) ? target.substring(end) : "/" + target.substring(end);
  }

  /**
   * The authority that a request is for; empty for none, and where it names different ones.
   *
   * @param target a path or URL
   * @param hosts the values of the headers {@code Host}
   */
  static String host(String target, Iterator<? extends CharSequence> hosts) {
    int from = authority(target);
    String authority = target.substring(from, from == 0 ? 0 : endOfAuthority(target, from));
    if (!hosts.hasNext()) {
      return authority;
    }
    String host = hosts.next().toString();
    boolean isOne = !hosts.hasNext() && (from == 0 || authority.equalsIgnoreCase(host));
    return isOne ? host : "";
  }
}
