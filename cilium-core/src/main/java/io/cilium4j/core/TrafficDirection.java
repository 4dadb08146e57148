// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/** Which way a packet goes, seen from the endpoint whose policy is asked. */
public enum TrafficDirection {
  /** Into the endpoint. */
  INGRESS(0),
  /** Out of the endpoint. */
  EGRESS(1);

  private final int code;

  TrafficDirection(int code) {
    this.code = code;
  }

  /** The number that stands for it in map keys and events. */
  public int code() {
    return code;
  }

  /** The direction of this number: 0 or 1. */
  public static TrafficDirection ofCode(int code) {
    return switch (code) {
      case 0 -> INGRESS;
      case 1 -> EGRESS;
      default ->
          throw new IllegalArgumentException("traffic direction " + code + ": wanted 0 or 1");
    };
  }

  /** The other end's direction. */
  public TrafficDirection opposite() {
    return this == INGRESS ? EGRESS : INGRESS;
  }
}
