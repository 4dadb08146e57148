// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Lets flows of the same parties share them: the few that speak are most of what a ring would hold.
 * A party goes when another one needs its place. Safe for use by several threads.
 */
final class SharedParties {

  /** A power of two. */
  private static final int PLACES = 4_096;

  private final AtomicReferenceArray<@Nullable FlowParty> known =
      new AtomicReferenceArray<>(PLACES);

  /** A party that equals this one. */
  FlowParty of(FlowParty party) {
    int hash = 31 * (31 * party.identity() + party.endpointId()) + party.pod().hashCode();
    int place = (hash ^ hash >>> 16) & (PLACES - 1);
    FlowParty before = known.getPlain(place);
    if (before != null && before.equals(party)) {
      return before;
    }
    known.setRelease(place, party);
    return party;
  }
}
