// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/** A map in the kernel is not the map that the program or the codecs expect. */
public final class MapMismatchException extends BpfException {
  private static final long serialVersionUID = 1L;

  private final transient MapSpec wanted;
  private final transient MapSpec got;

  MapMismatchException(String call, String object, MapSpec wanted, MapSpec got) {
    super(call, 0, object, "wanted " + wanted.shape() + ", got " + got.shape());
    this.wanted = wanted;
    this.got = got;
  }

  /** The map as the caller describes it. */
  public MapSpec wanted() {
    return wanted;
  }

  /** The map as it is in the kernel. */
  public MapSpec got() {
    return got;
  }
}
