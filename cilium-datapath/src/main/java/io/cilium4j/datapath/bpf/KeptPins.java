// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Pins that are to stay: what they stand for is held, so that it can be pinned again where somebody
 * removed the name. Safe for all threads.
 */
public final class KeptPins implements AutoCloseable {
  private final Map<Path, Fd> held = new LinkedHashMap<>();

  private KeptPins() {}

  /** Holds what these pins stand for; each must be there. */
  public static KeptPins of(List<Path> pins) {
    var kept = new KeptPins();
    try {
      for (Path pin : pins) {
        kept.held.put(pin, Fd.ofPin(pin.toString()));
      }
      return kept;
    } catch (RuntimeException e) {
      kept.close();
      throw e;
    }
  }

  /**
   * Pins again what is pinned no more.
   *
   * @return the pins that were gone
   */
  public synchronized List<Path> mend() {
    List<Path> gone = new ArrayList<>();
    held.forEach((pin, fd) -> {
      if (!Files.exists(pin)) {
        LibBpf.objectPin(fd.get(), pin.toString());
        gone.add(pin);
      }
    });
    return gone;
  }

  /** Lets go; the pins stay. */
  @Override
  public synchronized void close() {
    held.values().forEach(Fd::close);
    held.clear();
  }
}
