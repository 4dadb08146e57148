// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.bpf.BpfFs;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The number of the layout that an instance's pinned maps have: the name of an empty folder beside
 * them, {@code layout-2}. Pins of layout 1 have none.
 */
final class LayoutNumber {

  /** Goes up by one with each change of a map that a process before this one may have pinned. */
  static final int PRESENT = 2;

  private static final String PREFIX = "layout-";
  private static final Pattern NAME = Pattern.compile(PREFIX + "([1-9][0-9]{0,3})");

  private LayoutNumber() {}

  /**
   * Refuses pins that a newer version made, as they are: what it added this one would not keep.
   *
   * @throws DatapathException if the number is above the present one
   */
  static void requireKnown(BpfFs pins) {
    for (Path pin : pins.list()) {
      Matcher match = NAME.matcher(pin.getFileName().toString());
      if (match.matches() && Integer.parseInt(match.group(1)) > PRESENT) {
        throw new DatapathException(
            ("%s has maps of layout %s, and this version knows up to %d: start the newer version,"
                    + " or run its 'cilium cleanup' first")
                .formatted(pins.folder(), match.group(1), PRESENT));
      }
    }
  }

  /** Says that the pins are of the present layout. */
  static void note(BpfFs pins) {
    pins.subfolder(PREFIX + PRESENT);
  }

  /** Removes the number, whichever it is. */
  static void remove(BpfFs pins) {
    for (Path pin : pins.list()) {
      String name = pin.getFileName().toString();
      if (NAME.matcher(name).matches()) {
        pins.remove(name);
      }
    }
  }
}
