// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import java.nio.file.Path;
import java.util.List;

/**
 * What a server proves itself with, and whom it lets in; each file in PEM. They are read again when
 * they change.
 *
 * @param certificate its certificate, and those between it and its authority
 * @param key the key of that certificate
 * @param clientAuthorities the certificates that sign those of clients; at least one
 */
public record TlsFiles(Path certificate, Path key, List<Path> clientAuthorities) {
  public TlsFiles {
    if (clientAuthorities.isEmpty()) {
      throw new IllegalArgumentException("no authority of clients: nobody could be let in");
    }
    clientAuthorities = List.copyOf(clientAuthorities);
  }
}
