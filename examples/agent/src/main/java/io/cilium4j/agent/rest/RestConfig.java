// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.api.ApiClient;
import java.nio.file.Path;
import java.time.Duration;

/**
 * Where the API is served, and how much of it.
 *
 * @param socket the UNIX socket
 * @param limits the bounds
 */
public record RestConfig(Path socket, Limits limits) {

  /** The socket that every client expects, with the usual bounds. */
  public static final RestConfig DEFAULT = new RestConfig(ApiClient.DEFAULT_SOCKET, Limits.DEFAULT);

  /** Another socket, for a second instance. */
  public static RestConfig at(Path socket) {
    return new RestConfig(socket, Limits.DEFAULT);
  }

  /**
   * How much clients may ask for.
   *
   * @param connections open at a time, of root's clients and of all others each; where there is no
   *     room the longest idle one goes, and if none is idle the new one
   * @param headBytes of a request's line and headers
   * @param bodyBytes of one request's body
   * @param bodyBytesOfAll of the bodies of all requests that are being read or answered
   * @param parallel requests answered at a time, likewise; others wait
   * @param perSecond requests taken a second, over any length of time; a burst of two seconds'
   *     worth is taken at once
   * @param patience how long things may take
   */
  public record Limits(
      int connections,
      int headBytes,
      int bodyBytes,
      long bodyBytesOfAll,
      int parallel,
      int perSecond,
      Patience patience) {

    /**
     * 256 connections (a kubelet starts at most a few dozen pods at a time); 4 MiB a body, since
     * policies come as one, and 64 MiB of all together; 64 at work, which is more than two CPUs can
     * do and as many as may wait for a datapath; 1,000 requests a second.
     */
    public static final Limits DEFAULT =
        new Limits(256, 16 << 10, 4 << 20, 64L << 20, 64, 1000, Patience.DEFAULT);

    public Limits {
      if (connections < 1 || headBytes < 1024 || bodyBytes < 1 || parallel < 1 || perSecond < 1) {
        throw new IllegalArgumentException(
            "limits of the API: wanted above 0, and 1024 bytes for a head");
      }
    }
  }

  /**
   * How long things may take.
   *
   * @param idle between two requests of a connection, head included
   * @param read from the end of a request's head to the end of its body
   * @param admission until a request is taken up, when others are before it
   * @param write until the client has taken the answer, or a piece of it where it comes in pieces
   */
  public record Patience(Duration idle, Duration read, Duration admission, Duration write) {

    /** Clients on the same machine are quick, or stuck; Cilium's wait 90 s for an answer. */
    public static final Patience DEFAULT =
        new Patience(
            Duration.ofSeconds(60),
            Duration.ofSeconds(10),
            Duration.ofSeconds(15),
            Duration.ofSeconds(20));
  }
}
