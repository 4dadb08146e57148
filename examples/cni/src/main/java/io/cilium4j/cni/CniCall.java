// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import io.cilium4j.cni.CniException.Code;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A call of the executable as it hands it over: each variable {@code CNI_NAME=VALUE} ended by a 0
 * byte, one more 0 byte, and what came by standard input.
 *
 * @param variables by name
 * @param input the configuration, JSON
 */
public record CniCall(Map<String, String> variables, String input) {

  /** A call of these variables. */
  public CniCall {
    variables = Map.copyOf(variables);
  }

  /**
   * Reads a call.
   *
   * @throws CniException if it is none
   */
  static CniCall read(byte[] body) {
    String text;
    try {
      text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
    } catch (CharacterCodingException e) {
      throw new CniException(Code.DECODING_FAILURE, "the call is not in UTF-8", e);
    }
    Map<String, String> variables = new LinkedHashMap<>();
    int at = 0;
    while (true) {
      int end = text.indexOf('\0', at);
      if (end < 0) {
        throw new CniException(Code.DECODING_FAILURE, "the call ends amid its variables");
      }
      if (end == at) {
        return new CniCall(variables, text.substring(end + 1));
      }
      int equals = text.indexOf('=', at);
      if (equals < 0 || equals > end) {
        throw new CniException(Code.INVALID_ENVIRONMENT, "a variable without a value");
      }
      variables.put(text.substring(at, equals), text.substring(equals + 1, end));
      at = end + 1;
    }
  }

  /** The call as {@link CniPlugin#answer(byte[])} takes it. */
  public byte[] toBytes() {
    var text = new StringBuilder();
    variables.forEach((name, value) -> text.append(name).append('=').append(value).append('\0'));
    return text.append('\0').append(input).toString().getBytes(StandardCharsets.UTF_8);
  }

  /** A variable; empty where it is not set. */
  String variable(String name) {
    return variables.getOrDefault(name, "");
  }
}
