// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.cfg.CoercionAction;
import tools.jackson.databind.cfg.CoercionInputShape;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.type.LogicalType;

/**
 * How the API's records are read and written.
 *
 * <p>Writing leaves out what is absent, and writes every list. Reading is strict about what it is
 * given: no text for a number and no number for a text, no field twice, nothing behind the end; and
 * lenient about what it does not know, since a newer release may say more.
 */
public final class ApiJson {

  /** Deepest nesting of a document; the API's own schemas need about ten levels. */
  private static final int MAX_DEPTH = 64;

  /** Longest text in a document, in characters: policies come as one text. */
  private static final int MAX_TEXT_CHARS = 32 << 20;

  /** Longest number, in characters: the largest 64-bit one has 20. */
  private static final int MAX_NUMBER_CHARS = 40;

  private static final JsonMapper MAPPER = build();

  private ApiJson() {}

  /** The mapper; it is never changed. */
  public static JsonMapper mapper() {
    return MAPPER;
  }

  private static JsonMapper build() {
    var limits =
        StreamReadConstraints.builder()
            .maxNestingDepth(MAX_DEPTH)
            .maxStringLength(MAX_TEXT_CHARS)
            .maxNumberLength(MAX_NUMBER_CHARS)
            .build();
    return JsonMapper.builder(JsonFactory.builder().streamReadConstraints(limits).build())
        .changeDefaultPropertyInclusion(
            value -> value.withValueInclusion(JsonInclude.Include.NON_DEFAULT))
        .withConfigOverride(
            List.class,
            list ->
                list.setInclude(
                    JsonInclude.Value.construct(
                        JsonInclude.Include.ALWAYS, JsonInclude.Include.ALWAYS)))
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
        .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
        .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
        .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
        .disable(MapperFeature.SORT_CREATOR_PROPERTIES_FIRST)
        .withCoercionConfig(
            LogicalType.Textual,
            text -> {
              for (CoercionInputShape shape :
                  List.of(
                      CoercionInputShape.Integer,
                      CoercionInputShape.Float,
                      CoercionInputShape.Boolean)) {
                text.setCoercion(shape, CoercionAction.Fail);
              }
            })
        .build();
  }
}
