// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;

/** Where an API server is, and who we are for it. Safe for use by several threads. */
interface ApiAccess {

  /** Where it is served; tried in this order. At least one. */
  List<URI> servers();

  /**
   * Which certificates we believe, and our own. Asked for whenever a connection is made anew, since
   * files may have been replaced by then.
   *
   * @throws IOException if a file cannot be read; the message is one line
   */
  SSLContext tls() throws IOException;

  /**
   * The header {@code Authorization} of a request; absent where a certificate says who we are.
   *
   * @throws IOException if it cannot be had; the message is one line
   */
  Optional<String> authorization() throws IOException;

  /** The server did not know us: what was kept of a token is of no use. */
  void rejected();

  /** The namespace that we work in. */
  String namespace();
}
