// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSinkProvider;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * The sink {@code file}: each flow an object of JSON on a line of its own, appended to the file
 * that the option {@code path} names. Lines are written by a thread of the sink's own; where they
 * come faster than they can be written, some are left out, and the next one says how many.
 */
public final class FileFlowSinkProvider implements FlowSinkProvider {
  private static final String PATH = "path";

  /** For {@link java.util.ServiceLoader}. */
  public FileFlowSinkProvider() {}

  @Override
  public String name() {
    return "file";
  }

  @Override
  public FlowSink open(Map<String, String> options) {
    String path = options.getOrDefault(PATH, "");
    if (path.isEmpty() || options.size() != 1) {
      throw new IllegalArgumentException(
          "flow sink file: options " + options.keySet() + ": wanted " + PATH + " and no other");
    }
    try {
      return new FileFlowSink(Path.of(path));
    } catch (IOException e) {
      throw new IllegalArgumentException("flow sink file: " + path + ": " + e.getMessage(), e);
    }
  }
}
