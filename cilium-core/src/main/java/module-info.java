// SPDX-License-Identifier: Apache-2.0

/** The nouns of the system, its state tables and its seams. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.core {
  requires static transitive org.jspecify;
  requires org.slf4j;
  requires re2j;

  exports io.cilium4j.core;
  exports io.cilium4j.core.spi;
  exports io.cilium4j.core.state;

  uses io.cilium4j.core.spi.DatapathProvider;
}
