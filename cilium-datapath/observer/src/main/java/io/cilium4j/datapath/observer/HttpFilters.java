// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.re2j.Pattern;
import io.cilium4j.core.re2j.PatternSyntaxException;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.proto.EventTypeFilter;
import io.cilium4j.datapath.observer.proto.HTTPHeader;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** Filters by the request inside a flow. A flow without one passes none of them. */
final class HttpFilters {

  private HttpFilters() {}

  /**
   * A filter by requests shows requests alone: with it stands no type of event that has none.
   *
   * @throws IllegalArgumentException if one does
   */
  static void checkTypes(List<EventTypeFilter> types) {
    if (!types.isEmpty()
        && types.stream().noneMatch(each -> each.getType() == FlowMessages.ACCESS_EVENT)) {
      throw new IllegalArgumentException("the event type filter must match 'l7' events");
    }
  }

  /** {@code 404}, or how a status begins: {@code 4+}, {@code 40+}. */
  static Predicate<ReportedFlow> statuses(List<String> texts) {
    Set<String> whole = new HashSet<>();
    Set<String> beginnings = new HashSet<>();
    for (String text : texts) {
      if (text.matches("[1-5][0-9]{2}")) {
        whole.add(text);
      } else if (text.matches("[1-5][0-9]?\\+")) {
        beginnings.add(text.substring(0, text.length() - 1));
      } else {
        throw new IllegalArgumentException("\"" + text + "\": wanted a status such as 404 or 5+");
      }
    }
    return test(http -> {
      String status = Integer.toString(http.status());
      return http.status() != 0
          && (whole.contains(status) || beginnings.stream().anyMatch(status::startsWith));
    });
  }

  static Predicate<ReportedFlow> methods(List<String> names) {
    Set<String> wanted = new HashSet<>();
    names.forEach(name -> wanted.add(name.toUpperCase(Locale.ROOT)));
    return test(http -> wanted.contains(http.method().toUpperCase(Locale.ROOT)));
  }

  /** By a part of the path, without the query. */
  static Predicate<ReportedFlow> paths(List<String> expressions) {
    return matching(
        expressions,
        http -> {
          int query = http.path().indexOf('?');
          return query < 0 ? http.path() : http.path().substring(0, query);
        });
  }

  /** By a header as it is told, name and value. */
  static Predicate<ReportedFlow> headers(List<HTTPHeader> headers) {
    Set<HttpAccess.Header> wanted =
        headers.stream()
            .map(each -> new HttpAccess.Header(each.getKey(), each.getValue()))
            .collect(Collectors.toSet());
    return test(http -> http.headers().stream().anyMatch(wanted::contains));
  }

  static Predicate<ReportedFlow> urls(List<String> expressions) {
    return matching(expressions, Layers::url);
  }

  private static Predicate<ReportedFlow> matching(
      List<String> expressions, Function<HttpAccess, String> of) {
    List<Pattern> patterns = compile(expressions);
    return test(http -> {
      String text = of.apply(http);
      return patterns.stream().anyMatch(each -> each.matcher(text).find());
    });
  }

  /**
   * Regular expressions of RE2's syntax, which take a time in proportion to the text.
   *
   * @throws IllegalArgumentException if one is none
   */
  static List<Pattern> compile(List<String> expressions) {
    return expressions.stream()
        .map(each -> {
          try {
            return Pattern.compile(each);
          } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("\"" + each + "\": " + e.getMessage(), e);
          }
        })
        .toList();
  }

  private static Predicate<ReportedFlow> test(Predicate<HttpAccess> test) {
    return flow -> flow.http().filter(test).isPresent();
  }
}
