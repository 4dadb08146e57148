// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.state.AtomicFiles;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.Endpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The endpoints that outlive the process: one file each in the state folder. Which endpoint a file
 * holds is what stands in it, whatever it is called.
 *
 * <p>What cannot be read, or not be restored, is set aside, and {@link #lost} tells of it from then
 * on, over restarts, until somebody removes the file.
 *
 * <p>Safe for use by several threads, each endpoint by one at a time.
 */
public final class EndpointStore {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointStore.class);

  private static final String SUFFIX = ".json";

  /** What a file is called whose endpoint waits for a start with prefixes that it fits. */
  private static final String ASIDE = ".lost";

  private static final Pattern FIRST_NUMBER = Pattern.compile("([0-9]{1,5})\\..*");

  private final StateFolder folder;

  /** Raised by each write, so that of two files the newer is known, also where the clock is set. */
  private final AtomicLong written = new AtomicLong();

  public EndpointStore(StateFolder folder) {
    this.folder = folder;
  }

  private Path file(int id) {
    return folder.endpoints().resolve(id + SUFFIX);
  }

  /**
   * What was kept, each list with the newest first.
   *
   * @param kept endpoints, one an id
   * @param aside endpoints that an earlier start had no prefixes for
   * @param highestId the highest id that a file is named after, whether it could be read or not
   */
  record Loaded(List<StoredEndpoint> kept, List<StoredEndpoint> aside, int highestId) {}

  /**
   * An endpoint that is none any more although nobody ended it.
   *
   * @param file the name of the file that was its own
   * @param podName its pod; empty if the file cannot be read
   * @param problem what is wrong, one line
   */
  record LostEndpoint(String file, Optional<String> podName, String problem) {}

  /** Keeps an endpoint, in place of what was kept of it before. */
  void put(Endpoint endpoint, EndpointDetails details) {
    long now =
        written.accumulateAndGet(System.currentTimeMillis(), (last, t) -> Math.max(last + 1, t));
    try {
      AtomicFiles.write(
          file(endpoint.id()), EndpointFile.write(new StoredEndpoint(endpoint, details), now));
    } catch (IOException e) {
      throw new AgentException(
          "write state of endpoint " + endpoint.podName() + ": " + e.getMessage(), e);
    }
  }

  /** Forgets an endpoint; no error if nothing is known of it. */
  void remove(int id) {
    try {
      AtomicFiles.delete(file(id));
      AtomicFiles.delete(aside(id));
    } catch (IOException e) {
      throw new AgentException("remove state of endpoint " + id + ": " + e.getMessage(), e);
    }
  }

  private record Found(Path file, StoredEndpoint kept, long written) {}

  /** Every endpoint that can be read, newest first; changes nothing. */
  public List<StoredEndpoint> peek() {
    return read(SUFFIX, (_, _) -> {}).stream().map(Found::kept).toList();
  }

  /**
   * Every endpoint that can be read, each in the file of its id from now on. What cannot be read is
   * told in the log and set aside, and so is the older of two files with one id.
   */
  Loaded load() {
    int highestId = 0;
    for (Path file : AtomicFiles.list(folder.endpoints(), "")) {
      Matcher name = FIRST_NUMBER.matcher(String.valueOf(file.getFileName()));
      int id = name.matches() ? Integer.parseInt(name.group(1)) : 0;
      highestId = id <= Endpoint.MAX_ID ? Math.max(highestId, id) : highestId;
    }
    List<Found> all = new ArrayList<>(read(SUFFIX, EndpointStore::giveUp));
    Set<Integer> ids = new HashSet<>();
    for (Iterator<Found> each = all.iterator(); each.hasNext(); ) {
      Found found = each.next();
      if (!ids.add(found.kept.endpoint().id())) {
        giveUp(found.file, "a newer file holds endpoint " + found.kept.endpoint().id());
        each.remove();
      }
    }
    straighten(all);
    List<StoredEndpoint> aside =
        read(ASIDE, EndpointStore::giveUp).stream()
            .filter(found -> ids.add(found.kept.endpoint().id()))
            .map(Found::kept)
            .toList();
    return new Loaded(all.stream().map(Found::kept).toList(), aside, highestId);
  }

  private static void giveUp(Path file, String problem) {
    LOG.warn("endpoint state lost file={} error=\"{}\"", file, problem);
    AtomicFiles.setAside(file);
  }

  /** The endpoints that this or an earlier start could not read or restore, by file. */
  List<LostEndpoint> lost() {
    List<LostEndpoint> lost = new ArrayList<>();
    for (Path file : AtomicFiles.list(folder.endpoints(), AtomicFiles.DAMAGED)) {
      lost.add(lost(file));
    }
    return lost;
  }

  private static LostEndpoint lost(Path file) {
    String name = String.valueOf(file.getFileName()).replace(AtomicFiles.DAMAGED, "");
    String then = "; remove that file once its pod is gone or was made again";
    try {
      Endpoint endpoint = EndpointFile.read(AtomicFiles.read(file)).endpoint();
      return new LostEndpoint(
          name,
          Optional.of(endpoint.podName()),
          "endpoint %d (%s) was not restored, what was kept of it is in %s%s"
              .formatted(endpoint.id(), endpoint.podName(), file, then));
    } catch (IOException | IllegalArgumentException e) {
      return new LostEndpoint(
          name, Optional.empty(), "endpoint state lost: " + file + ": " + e.getMessage() + then);
    }
  }

  private List<Found> read(String suffix, BiConsumer<Path, String> problem) {
    var found = new ArrayList<Found>();
    for (Path file : AtomicFiles.list(folder.endpoints(), suffix)) {
      try {
        byte[] text = AtomicFiles.read(file);
        StoredEndpoint kept = EndpointFile.read(text);
        long at = EndpointFile.written(text);
        found.add(new Found(file, kept, at == 0 ? Files.getLastModifiedTime(file).toMillis() : at));
        written.accumulateAndGet(at, Math::max);
      } catch (IOException | IllegalArgumentException e) {
        problem.accept(file, String.valueOf(e.getMessage()));
      }
    }
    found.sort(
        Comparator.comparingLong(Found::written)
            .reversed()
            .thenComparingInt(each -> each.kept.endpoint().id()));
    return found;
  }

  /**
   * Gives each file the name of its endpoint. Files that were swapped are both moved away first: a
   * crash on the way leaves names that are read all the same.
   */
  private void straighten(List<Found> all) {
    List<Found> misplaced =
        all.stream().filter(each -> !each.file.equals(file(each.kept.endpoint().id()))).toList();
    try {
      for (Found each : misplaced) {
        Files.move(each.file, away(each), StandardCopyOption.REPLACE_EXISTING);
      }
      for (Found each : misplaced) {
        Files.move(away(each), file(each.kept.endpoint().id()));
      }
    } catch (IOException e) {
      throw new AgentException("rename state of endpoints: " + e.getMessage(), e);
    }
  }

  private Path away(Found found) {
    return folder.endpoints().resolve(found.kept.endpoint().id() + ".moved" + SUFFIX);
  }

  private Path aside(int id) {
    return folder.endpoints().resolve(id + ASIDE);
  }

  /** Keeps what is kept of an endpoint for a start with other prefixes. */
  void setAside(int id) {
    try {
      Files.move(file(id), aside(id), StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new AgentException("set endpoint " + id + " aside: " + e.getMessage(), e);
    }
  }

  /** Keeps what is kept of an endpoint out of the next start's way. */
  void setAsDamaged(int id) {
    AtomicFiles.setAside(Files.exists(file(id)) ? file(id) : aside(id));
  }

  /** An endpoint that was set aside is one again. */
  void comeBack(Endpoint endpoint, EndpointDetails details) {
    put(endpoint, details);
    try {
      AtomicFiles.delete(aside(endpoint.id()));
    } catch (IOException e) {
      throw new AgentException("endpoint " + endpoint.id() + " comes back: " + e.getMessage(), e);
    }
  }
}
