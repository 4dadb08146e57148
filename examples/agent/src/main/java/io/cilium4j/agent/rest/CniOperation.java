// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.cni.CniAnswer;
import io.cilium4j.cni.CniPlugin;
import java.nio.charset.StandardCharsets;

/**
 * {@code POST /cni}: a call of the CNI plugin's executable, which prints the body of the answer.
 */
record CniOperation(CniPlugin plugin) implements Router.Operation {

  /** The executable ends with 1 at any status but 200. */
  private static final int FAILED = 500;

  @Override
  public Response answer(Request request) {
    CniAnswer answer = plugin.answer(request.body());
    return new Response.Whole(
        answer.succeeded() ? Response.OK : FAILED,
        Response.Type.JSON,
        answer.json().getBytes(StandardCharsets.UTF_8),
        answer.ifLost());
  }
}
