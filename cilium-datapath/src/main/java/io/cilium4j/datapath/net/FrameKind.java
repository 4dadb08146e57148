// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

/** What the kernel tells of a frame beside its bytes. */
public enum FrameKind {
  /** One packet, all of which stands in the bytes. */
  PLAIN,
  /** Many segments in one (GSO): the IP header may state no length. */
  MERGED,
  /** It came with a VLAN tag, which is not in the bytes any more. */
  TAGGED
}
