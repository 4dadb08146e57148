// SPDX-License-Identifier: Apache-2.0

/** YAML and JSON as plain trees: one reader with one set of rules and bounds. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.documents {
  requires static transitive org.jspecify;
  requires tools.jackson.core;
  requires tools.jackson.dataformat.yaml;

  exports io.cilium4j.documents;
}
