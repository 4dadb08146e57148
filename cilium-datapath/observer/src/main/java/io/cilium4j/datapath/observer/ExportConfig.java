// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import java.nio.file.Path;
import java.util.List;

/**
 * Which flows are written to a file, and how.
 *
 * @param file the file, which is made if it is not there
 * @param maxBytes where it is put aside and a new one is begun; 0 for never
 * @param backups how many that were put aside are kept; 0 for all
 * @param compress whether those are compressed
 * @param allowed filters in JSON, one object behind another: what is written; empty for all flows
 * @param denied filters likewise: what is not
 * @param fields paths of the fields that are written; empty for all
 */
public record ExportConfig(
    Path file,
    long maxBytes,
    int backups,
    boolean compress,
    String allowed,
    String denied,
    List<String> fields) {
  public ExportConfig {
    fields = List.copyOf(fields);
  }
}
