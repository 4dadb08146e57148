// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Arrays;

/**
 * A packet that passed: where to, and what it means for its flow. Of a flow only those packets are
 * reported with which it begins, is answered for the first time, and ends.
 *
 * @param point where it went
 * @param life what became of its flow
 */
public record FlowTrace(Point point, Life life) {

  /** Where a packet went, by the numbers of Cilium's monitor. */
  public enum Point {
    /** To an endpoint of this node. */
    TO_ENDPOINT(0),
    /** To the proxy, which looks at the request inside. */
    TO_PROXY(1),
    /** To the node's network stack, and whatever is behind it. */
    TO_STACK(3),
    /** To another node, by the tunnel. */
    TO_OVERLAY(4);

    private final int code;

    Point(int code) {
      this.code = code;
    }

    /** The number of Cilium's monitor. */
    public int code() {
      return code;
    }

    /**
     * The point of a number.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Point ofCode(int code) {
      return Arrays.stream(values())
          .filter(each -> each.code == code)
          .findFirst()
          .orElseThrow(() -> new IllegalArgumentException("trace point " + code + ": unknown"));
    }
  }

  /** What a packet means for its flow, by the numbers of Cilium's monitor. */
  public enum Life {
    /** It begins it. */
    NEW(0),
    /** Its initiator sends again. */
    ESTABLISHED(1),
    /** Its responder answers. */
    REPLY(2);

    private final int code;

    Life(int code) {
      this.code = code;
    }

    /** The number of Cilium's monitor. */
    public int code() {
      return code;
    }

    /**
     * The meaning of a number.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Life ofCode(int code) {
      return Arrays.stream(values())
          .filter(each -> each.code == code)
          .findFirst()
          .orElseThrow(() -> new IllegalArgumentException("trace reason " + code + ": unknown"));
    }
  }
}
