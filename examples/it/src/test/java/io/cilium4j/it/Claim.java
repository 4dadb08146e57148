// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/**
 * A name or a prefix that is one test's alone on this machine: test classes run side by side in
 * processes of their own, and the one that comes second waits. A test may claim again what it has.
 */
final class Claim implements AutoCloseable {

  private static final Path FOLDER =
      Path.of(System.getProperty("java.io.tmpdir"), "cilium4j-it-claims");

  private static final Map<String, Claim> HELD = new HashMap<>();

  private final String what;
  private final FileChannel file;
  private int times;

  private Claim(String what, FileChannel file) {
    this.what = what;
    this.file = file;
  }

  /** Waits until what is claimed is free. */
  static Claim of(String what) throws IOException {
    synchronized (HELD) {
      Claim claim = HELD.get(what);
      if (claim == null) {
        Files.createDirectories(FOLDER);
        Path path = FOLDER.resolve(what);
        var file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        var _ = file.lock(); // Ends with its channel.
        claim = new Claim(what, file);
        HELD.put(what, claim);
      }
      claim.times++;
      return claim;
    }
  }

  @Override
  public void close() throws IOException {
    synchronized (HELD) {
      times--;
      if (times == 0) {
        HELD.remove(what);
        file.close();
      }
    }
  }
}
