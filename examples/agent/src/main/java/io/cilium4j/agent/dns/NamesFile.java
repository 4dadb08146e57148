// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.dns;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Label;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What endpoints were told for names, and the labels that their addresses had for it, as JSON of
 * one line: the content of a state file, or a change of it. In a change a name without addresses is
 * known no more, and an address without labels has none any more.
 *
 * <pre>
 *   {"version": 1,
 *    "answers": [{"endpoint": 7, "name": "example.com.",
 *                 "addresses": [{"ip": "192.0.2.1", "at": SECONDS, "ttl": SECONDS, "kept": SECONDS}]}],
 *    "labels": {"192.0.2.1": ["example.com"]}}
 * </pre>
 */
record NamesFile(Map<DnsCache.Key, DnsCache.Answer> answers, Map<IpAddress, Set<Label>> labels) {

  /** Raised when the file's form changes; another version's file is damaged to this one. */
  private static final int VERSION = 1;

  private static final int MAX_NAME_CHARS = 1024;

  /** An endpoint's id on its node. */
  private static final int MAX_ENDPOINT = 0xffff;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  byte[] write() {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", VERSION);
    ArrayNode list = root.putArray("answers");
    answers.forEach((key, answer) -> {
      ObjectNode node = list.addObject();
      node.put("endpoint", key.endpointId());
      node.put("name", key.name());
      ArrayNode addresses = node.putArray("addresses");
      answer
          .addresses()
          .forEach((address, told) -> {
            ObjectNode each = addresses.addObject();
            each.put("ip", address.toString());
            each.put("at", told.at().getEpochSecond());
            each.put("ttl", told.timeToLive().toSeconds());
            told.keptSince().ifPresent(since -> each.put("kept", since.getEpochSecond()));
          });
    });
    ObjectNode texts = root.putObject("labels");
    labels.forEach((address, each) -> {
      ArrayNode keys = texts.putArray(address.toString());
      each.stream().map(Label::key).sorted().forEach(keys::add);
    });
    return JSON.writeValueAsBytes(root);
  }

  /**
   * Reads what {@link #write} wrote.
   *
   * @throws IllegalArgumentException if anything is not as it must be; one line
   */
  static NamesFile read(byte[] content) {
    try {
      JsonNode root = JSON.readTree(content);
      if (integer(root, "version") != VERSION) {
        throw new IllegalArgumentException("wanted version " + VERSION);
      }
      Map<DnsCache.Key, DnsCache.Answer> answers = new HashMap<>();
      for (JsonNode each : need(root, "answers")) {
        answers.put(
            new DnsCache.Key(
                (int) within(integer(each, "endpoint"), 1, MAX_ENDPOINT), text(each.path("name"))),
            new DnsCache.Answer(addresses(need(each, "addresses"))));
      }
      Map<IpAddress, Set<Label>> labels = new HashMap<>();
      for (Map.Entry<String, JsonNode> each : need(root, "labels").properties()) {
        Set<Label> own = new HashSet<>();
        for (JsonNode text : each.getValue()) {
          own.add(NameSelectors.label(text(text)));
        }
        labels.put(IpAddress.parse(each.getKey()), own);
      }
      return new NamesFile(answers, labels);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("no JSON: " + e.getOriginalMessage(), e);
    } catch (DateTimeException e) {
      throw new IllegalArgumentException("no time: " + e.getMessage(), e);
    }
  }

  private static Map<IpAddress, DnsCache.Told> addresses(JsonNode list) {
    Map<IpAddress, DnsCache.Told> addresses = new HashMap<>();
    for (JsonNode each : list) {
      Optional<Instant> kept =
          each.has("kept")
              ? Optional.of(Instant.ofEpochSecond(integer(each, "kept")))
              : Optional.empty();
      addresses.put(
          IpAddress.parse(text(each.path("ip"))),
          new DnsCache.Told(
              Instant.ofEpochSecond(integer(each, "at")),
              Duration.ofSeconds(within(integer(each, "ttl"), 0, Integer.MAX_VALUE)),
              kept));
    }
    return addresses;
  }

  private static JsonNode need(JsonNode node, String field) {
    JsonNode found = node.get(field);
    if (found == null || !found.isContainer()) {
      throw new IllegalArgumentException(field + " is missing");
    }
    return found;
  }

  private static long integer(JsonNode node, String field) {
    JsonNode found = node.path(field);
    if (!found.isIntegralNumber() || !found.canConvertToLong()) {
      throw new IllegalArgumentException(field + ": wanted a number");
    }
    return found.asLong();
  }

  private static long within(long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(value + ": wanted " + least + " to " + most);
    }
    return value;
  }

  private static String text(JsonNode node) {
    if (!node.isString()
        || node.asString().isEmpty()
        || node.asString().length() > MAX_NAME_CHARS) {
      throw new IllegalArgumentException("wanted a text of 1 to " + MAX_NAME_CHARS + " characters");
    }
    return node.asString();
  }
}
