// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.EndpointDevices.AdoptRequest;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.UndoStack;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds out which endpoints of an earlier run are still there, and claims again what they had. A
 * file is not believed: the device must be the very one, and of two endpoints that say the same of
 * themselves the one that was written last is right.
 *
 * <p>Used once, before anybody else has endpoints.
 */
public final class EndpointRestorer {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointRestorer.class);

  /** What to do with endpoints of which this agent cannot give out an address any more. */
  public enum Lost {
    /** Not to start: their pods would be cut off. */
    REFUSE,
    /** To keep them aside until a start with prefixes that hold their addresses. */
    SET_ASIDE
  }

  /**
   * What became of the endpoints of an earlier run.
   *
   * @param restored those that are claimed
   * @param problems why the others are not, one line each, by pod
   */
  record Found(List<StoredEndpoint> restored, Map<String, String> problems) {}

  private final EndpointClaims claims;
  private final EndpointStore store;
  private final Datapath datapath;
  private final List<StoredEndpoint> restored = new ArrayList<>();
  private final Map<String, String> problems = new TreeMap<>();

  EndpointRestorer(EndpointClaims claims, EndpointStore store, Datapath datapath) {
    this.claims = claims;
    this.store = store;
    this.datapath = datapath;
  }

  /**
   * Claims what can be claimed.
   *
   * @throws AgentException if an endpoint would be lost and must not be
   */
  Found restore(Lost lost) {
    EndpointStore.Loaded loaded = store.load();
    // What cannot be read may have its device still, which is named after the id.
    claims.ownership().passOver(loaded.highestId());
    if (lost == Lost.REFUSE) {
      requireReachable(loaded.kept(), claims.podCidrs(), each -> !isGone(each));
    }
    for (StoredEndpoint kept : loaded.kept()) {
      attempt(kept, () -> restore(kept));
    }
    for (StoredEndpoint kept : loaded.aside()) {
      attempt(kept, () -> comeBack(kept));
    }
    return new Found(List.copyOf(restored), Map.copyOf(problems));
  }

  private static List<IpAddress> outOfReach(StoredEndpoint kept, List<IpPrefix> podCidrs) {
    return kept.details().addressOwner() == AddressOwner.OTHERS
        ? List.of()
        : kept.endpoint().addresses().stream()
            .filter(address -> podCidrs.stream().noneMatch(prefix -> prefix.contains(address)))
            .toList();
  }

  private List<IpAddress> outOfReach(StoredEndpoint kept) {
    return outOfReach(kept, claims.podCidrs());
  }

  /**
   * Sees that with these prefixes no endpoint is lost.
   *
   * @param isThere whether an endpoint has its device still
   * @throws AgentException if one would be lost
   */
  public static void requireReachable(
      List<StoredEndpoint> all, List<IpPrefix> podCidrs, Predicate<Endpoint> isThere) {
    List<StoredEndpoint> lost =
        all.stream()
            .filter(each -> !outOfReach(each, podCidrs).isEmpty() && isThere.test(each.endpoint()))
            .toList();
    if (!lost.isEmpty()) {
      StoredEndpoint first = lost.getFirst();
      throw new AgentException(
          "%d of %d endpoints have an address that the pod CIDRs %s do not hold, the first %s with %s;"
                  .formatted(
                      lost.size(),
                      all.size(),
                      podCidrs,
                      first.endpoint().podName(),
                      outOfReach(first, podCidrs))
              + " give the former pod CIDRs, or accept that these pods lose their network"
              + " (allow-lost-endpoints)");
    }
  }

  private void attempt(StoredEndpoint kept, Runnable step) {
    Endpoint former = kept.endpoint();
    try {
      step.run();
    } catch (AgentException | IpamException e) {
      // The datapath gives up what it has of it, as of any endpoint that is none.
      notRestored(former, String.valueOf(e.getMessage()));
      store.setAsDamaged(former.id());
    } catch (RuntimeException e) {
      notRestored(former, String.valueOf(e.getMessage())); // The next start may have more luck.
    }
  }

  private void notRestored(Endpoint former, String why) {
    LOG.warn("endpoint not restored id={} pod={} error=\"{}\"", former.id(), former.podName(), why);
    problems.merge(
        former.podName(),
        "endpoint " + former.id() + " (" + former.podName() + ") is not restored: " + why,
        (first, _) -> first);
  }

  private void restore(StoredEndpoint kept) {
    Endpoint former = kept.endpoint();
    if (isGone(former)) {
      datapath.disconnect(former.device());
      forget(former);
      return;
    }
    List<IpAddress> outOfReach = outOfReach(kept);
    if (outOfReach.isEmpty()) {
      claim(kept, () -> {});
      return;
    }
    store.setAside(former.id());
    datapath.release(former.device());
    notRestored(former, "the pod CIDRs " + claims.podCidrs() + " do not hold " + outOfReach);
  }

  private void forget(Endpoint former) {
    store.remove(former.id());
    LOG.info(
        "endpoint gone while no agent ran id={} pod={} device={} netns={}",
        former.id(),
        former.podName(),
        former.device().hostName(),
        former.device().netns());
  }

  private void claim(StoredEndpoint kept, Runnable then) {
    var undo = new UndoStack();
    try {
      Endpoint endpoint = claims.claimAgain(kept.endpoint(), kept.details(), undo);
      then.run();
      restored.add(new StoredEndpoint(endpoint, kept.details()));
    } catch (RuntimeException e) {
      undo.undo(e);
      throw e;
    }
  }

  /** One that an earlier start set aside and whose device it gave back, down. */
  private void comeBack(StoredEndpoint kept) {
    Endpoint former = kept.endpoint();
    List<IpAddress> outOfReach = outOfReach(kept);
    if (isGone(former)) {
      forget(former);
    } else if (!outOfReach.isEmpty()) {
      notRestored(former, "the pod CIDRs " + claims.podCidrs() + " do not hold " + outOfReach);
    } else {
      claim(
          kept,
          () -> {
            var _ =
                datapath.adopt(new AdoptRequest(former.id(), former.device(), former.addresses()));
            store.comeBack(former, kept.details());
          });
    }
  }

  /** The namespace of devices that others made may have another name where they are. */
  private boolean isGone(Endpoint former) {
    String netns = former.device().netns();
    return (!netns.isEmpty() && !Files.exists(Path.of(netns))) || !datapath.holds(former.device());
  }
}
