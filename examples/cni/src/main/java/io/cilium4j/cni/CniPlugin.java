// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import io.cilium4j.cni.CniException.Code;
import io.cilium4j.documents.JsonWriter;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A CNI plugin: reads calls, has a network carry them out, and writes the answers.
 *
 * <p>As the last one of a chain it joins what the plugins before it made, and passes their result
 * on as it is.
 *
 * <p>Safe for use by several threads.
 */
public final class CniPlugin {
  private static final Logger LOG = LoggerFactory.getLogger(CniPlugin.class);

  /** Enough for the id of a container. */
  private static final int MAX_LOGGED_CHARS = 64;

  private final CniNetwork network;

  /** A plugin for this network. */
  public CniPlugin(CniNetwork network) {
    this.network = network;
  }

  /** Answers a call in the form that {@link CniCall} describes. */
  public CniAnswer answer(byte[] call) {
    try {
      return answer(CniCall.read(call));
    } catch (CniException e) {
      return failed(e, CniVersion.LATEST);
    }
  }

  /** Answers a call. */
  public CniAnswer answer(CniCall call) {
    CniVersion version = CniVersion.LATEST;
    try {
      CniVerb verb =
          CniVerb.tryParse(call.variable("CNI_COMMAND"))
              .orElseThrow(() -> missing("CNI_COMMAND", "ADD, DEL, CHECK, GC, STATUS or VERSION"));
      Map<String, @Nullable Object> tree = CniConfig.tree(call.input());
      version = CniConfig.versionOf(tree);
      if (verb == CniVerb.VERSION) {
        return versions(version);
      }
      CniConfig config = CniConfig.read(tree);
      if (!config.version().isAtLeast(verb.since())) {
        throw new CniException(
            Code.INVALID_ENVIRONMENT, "CNI_COMMAND " + verb + ": not in version " + version);
      }
      return carryOut(verb, call, config);
    } catch (CniException e) {
      LOG.info(
          "CNI call refused command={} container={} code={} error=\"{}\"",
          word(call.variable("CNI_COMMAND")),
          word(call.variable("CNI_CONTAINERID")),
          e.code().number(),
          e.getMessage());
      return failed(e, version);
    } catch (RuntimeException e) {
      LOG.warn(
          "CNI call failed command={} container={} error=\"{}\"",
          word(call.variable("CNI_COMMAND")),
          word(call.variable("CNI_CONTAINERID")),
          e.getMessage());
      return failed(new CniException(Code.TRY_AGAIN, String.valueOf(e.getMessage()), e), version);
    }
  }

  private CniAnswer carryOut(CniVerb verb, CniCall call, CniConfig config) {
    switch (verb) {
      case ADD -> {
        CniNetwork.Added added = network.add(add(call, config));
        Map<String, @Nullable Object> result =
            config.previous().isPresent()
                ? passedOn(config.previous().get(), config.version())
                : added.result().tree(config.version());
        return new CniAnswer(true, JsonWriter.write(result), added.undo());
      }
      case DEL -> network.delete(new CniRequest.Delete(attachment(call), config.network()));
      case CHECK -> network.check(check(call, config));
      case GC -> network.collect(collect(config));
      case STATUS -> network.status();
      case VERSION -> throw new IllegalStateException("answered before");
    }
    return new CniAnswer(true, "");
  }

  private static CniRequest.Add add(CniCall call, CniConfig config) {
    return new CniRequest.Add(
        attachment(call),
        netns(call),
        config.network(),
        arguments(call.variable("CNI_ARGS")),
        config.previous().map(CniResult::read));
  }

  private static CniRequest.Check check(CniCall call, CniConfig config) {
    Map<String, @Nullable Object> previous =
        config
            .previous()
            .orElseThrow(
                () -> new CniException(Code.INVALID_CONFIGURATION, "prevResult: it is missing"));
    return new CniRequest.Check(attachment(call), netns(call), CniResult.read(previous));
  }

  private static CniRequest.Collect collect(CniConfig config) {
    return new CniRequest.Collect(
        config.network(),
        config
            .valid()
            .orElseThrow(() ->
                new CniException(
                    Code.INVALID_CONFIGURATION, "cni.dev/valid-attachments: it is missing")));
  }

  private static Map<String, @Nullable Object> passedOn(
      Map<String, @Nullable Object> previous, CniVersion version) {
    Map<String, @Nullable Object> result = new LinkedHashMap<>(previous);
    result.put("cniVersion", version.toString());
    return result;
  }

  private static CniAttachment attachment(CniCall call) {
    try {
      return new CniAttachment(call.variable("CNI_CONTAINERID"), call.variable("CNI_IFNAME"));
    } catch (IllegalArgumentException e) {
      throw new CniException(
          Code.INVALID_ENVIRONMENT, "CNI_CONTAINERID and CNI_IFNAME: " + e.getMessage(), e);
    }
  }

  private static String netns(CniCall call) {
    String path = call.variable("CNI_NETNS");
    if (!path.startsWith("/")) {
      throw missing("CNI_NETNS", "the absolute path of a network namespace");
    }
    return path;
  }

  /** {@code KEY=VALUE;KEY=VALUE}, as the specification's conventions have it. */
  private static Map<String, String> arguments(String text) {
    Map<String, String> arguments = new LinkedHashMap<>();
    for (String pair : text.split(";", -1)) {
      int equals = pair.indexOf('=');
      if (equals > 0) {
        arguments.put(pair.substring(0, equals), pair.substring(equals + 1));
      } else if (!pair.isEmpty()) {
        throw missing("CNI_ARGS", "KEY=VALUE;KEY=VALUE");
      }
    }
    return arguments;
  }

  private static CniException missing(String variable, String wanted) {
    return new CniException(Code.INVALID_ENVIRONMENT, variable + ": wanted " + wanted);
  }

  private static CniAnswer versions(CniVersion version) {
    Map<String, @Nullable Object> tree = new LinkedHashMap<>();
    tree.put("cniVersion", version.toString());
    tree.put("supportedVersions", CniVersion.texts());
    return new CniAnswer(true, JsonWriter.write(tree));
  }

  private static CniAnswer failed(CniException e, CniVersion version) {
    return new CniAnswer(false, JsonWriter.write(e.tree(version)));
  }

  /** What a runtime said, safe for a line of a log. */
  private static String word(String text) {
    String line = text.replaceAll("[^a-zA-Z0-9_.-]", "?");
    return line.length() > MAX_LOGGED_CHARS ? line.substring(0, MAX_LOGGED_CHARS) : line;
  }
}
