// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.handler.codec.http.HttpResponseStatus;

/** A request that is not forwarded because of how it is written. The connection ends with it. */
final class MalformedRequest extends Exception {
  private static final long serialVersionUID = 1;

  private final transient HttpResponseStatus status;

  MalformedRequest(String what) {
    this(HttpResponseStatus.BAD_REQUEST, what);
  }

  MalformedRequest(HttpResponseStatus status, String what) {
    super(what, null, false, false);
    this.status = status;
  }

  /** What the client is told, and no more. */
  HttpResponseStatus status() {
    return status;
  }
}
