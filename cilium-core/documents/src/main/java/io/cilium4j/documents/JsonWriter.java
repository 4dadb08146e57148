// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.documents;

import java.io.ByteArrayOutputStream;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** Writes {@link Trees} as JSON on one line. */
public final class JsonWriter {
  private static final JsonFactory JSON = new JsonFactory();

  private JsonWriter() {}

  /**
   * The tree as JSON.
   *
   * @throws IllegalArgumentException if it holds what no tree does
   */
  public static String write(@Nullable Object tree) {
    var text = new StringWriter();
    try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), text)) {
      write(json, tree);
    }
    return text.toString();
  }

  /** As {@link #write}, as UTF-8, for {@link DocumentReader#readKept}. */
  public static byte[] writeBytes(@Nullable Object tree) {
    var bytes = new ByteArrayOutputStream();
    try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), bytes)) {
      write(json, tree);
    }
    return bytes.toByteArray();
  }

  private static void write(JsonGenerator json, @Nullable Object tree) {
    switch (tree) {
      case null -> json.writeNull();
      case String text -> json.writeString(text);
      case Boolean truth -> json.writeBoolean(truth);
      case Number number -> json.writeNumber(number.toString());
      case List<?> list -> {
        json.writeStartArray();
        list.forEach(item -> write(json, item));
        json.writeEndArray();
      }
      case Map<?, ?> map -> {
        json.writeStartObject();
        map.forEach((key, value) -> {
          json.writeName(String.valueOf(key));
          write(json, value);
        });
        json.writeEndObject();
      }
      default -> throw new IllegalArgumentException("no JSON for " + tree.getClass());
    }
  }
}
