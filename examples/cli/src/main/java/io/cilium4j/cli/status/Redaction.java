// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.status;

import io.cilium4j.cli.json.Json;
import io.cilium4j.core.Secrets;
import java.util.LinkedHashMap;
import java.util.Map;

/** Takes secrets ({@link Secrets}) out of what is handed to others. */
final class Redaction {
  private Redaction() {}

  /** A document without secrets. */
  static Json of(Json value) {
    return of(value, "");
  }

  private static Json of(Json value, String name) {
    return switch (value) {
      case Json.Obj object -> {
        Map<String, Json> fields = new LinkedHashMap<>();
        object
            .fields()
            .forEach((key, inner) ->
                fields.put(text(key), Secrets.isName(key) ? hidden(inner) : of(inner, key)));
        yield new Json.Obj(fields);
      }
      case Json.Arr array ->
          new Json.Arr(array.values().stream().map(each -> of(each, name)).toList());
      case Json.Text text ->
          Json.of(
              name.equals("environment-variables")
                  ? Secrets.variable(text.value())
                  : text(text.value()));
      case Json.Num _, Json.Bool _, Json.Nothing _ -> value;
    };
  }

  /** Of a secret object or list not even its size is told; numbers may be secrets as well. */
  private static Json hidden(Json value) {
    return value instanceof Json.Nothing || value instanceof Json.Bool
        ? value
        : Json.of(Secrets.REDACTED);
  }

  /** A text without what looks like a secret. */
  static String text(String text) {
    return Secrets.text(text);
  }
}
