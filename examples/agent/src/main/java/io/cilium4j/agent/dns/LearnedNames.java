// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.dns;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.state.JournalFile;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Label;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import io.cilium4j.datapath.proxy.DnsNames;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.policy.Peers;
import io.cilium4j.policy.controller.EnforcementWaiter;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * From an answer of DNS to a policy that knows its addresses.
 *
 * <pre>
 *   answer -> DnsCache -> labels of its addresses in the ipcache -> identities, policies -> datapath
 *             on the      on the thread of names                                            |
 *             proxy's                                                  awaited on another <-+
 * </pre>
 *
 * <p>Answers that come meanwhile are of the next round together. Each waits for its own rows, those
 * of its addresses and of the endpoint that asked. Addresses that have the labels of the name
 * already, in the datapath, wait for nothing.
 *
 * <p>After a restart the addresses have the labels that they had before, until all rules are read:
 * no connection is cut, and nothing is opened that was not.
 *
 * <p>Safe for use by several threads.
 */
public final class LearnedNames implements DnsNames, Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(LearnedNames.class);

  /** What the ipcache waits for, before it counts as complete. */
  public static final String INPUT = NameLabels.OWNER;

  /** Answers that are waited for; for more nobody waits. */
  private static final int MAX_WAITING = 16_384;

  /** How soon it is seen that all rules are read. */
  private static final Duration LOOK = Duration.ofMillis(20);

  /**
   * How long what is learned counts, and is waited for.
   *
   * @param minTimeToLive a shorter time to live counts as this
   * @param mostAddresses most addresses of a name of an endpoint that may be used
   * @param patience how long an answer waits at most until its addresses are in the datapath
   */
  public record Limits(Duration minTimeToLive, int mostAddresses, Duration patience) {}

  /** An answer that waits until it is seen, and then until its rows are in the datapath. */
  private record Waiting(
      long revision,
      int endpointId,
      List<IpAddress> addresses,
      long sinceNanos,
      CompletableFuture<Boolean> done) {}

  private final DnsCache cache;
  private final Ipcache ipcache;
  private final NameLabels labels;
  private final Limits limits;
  private final Supplier<Collection<Peers.Fqdn>> rules;
  private final BooleanSupplier areRulesRead;
  private final EnforcementWaiter waiter;
  private final Scheduler thread;
  private final Scheduler waitThread;
  private final StateFile file;
  private final JournalFile journal;
  private final Follower follower;
  private final ConcurrentLinkedQueue<Waiting> waiting = new ConcurrentLinkedQueue<>();
  private final AtomicInteger waitingCount = new AtomicInteger();

  /** Answers of which it is known what the datapath is to have; on the thread that waits. */
  private final List<Waiting> open = new ArrayList<>();

  private final AtomicBoolean isLooking = new AtomicBoolean();
  private @Nullable Watch<?, ?> progress;

  /** Up to which revision of the ipcache it is known what the datapath is to have. */
  private volatile long followed;

  private volatile boolean isReady;

  /** Whether what was learned last is in the journal; on the thread of names. */
  private boolean isNoted = true;

  /** What an earlier run noted, until the first look. */
  private final Map<DnsCache.Key, DnsCache.Answer> restored = new HashMap<>();

  private long savedAnswers = -1;
  private long savedLabels = -1;

  /**
   * What it works on.
   *
   * @param rules the names that rules have by now
   * @param areRulesRead whether these are all that there were at the start
   * @param changes changes whenever rules do
   * @param file keeps what is known over a restart
   * @param journal keeps what was learned since that was written
   */
  public record Parts(
      DnsCache cache,
      Ipcache ipcache,
      Supplier<Collection<Peers.Fqdn>> rules,
      BooleanSupplier areRulesRead,
      Table<?, ?> changes,
      EnforcementWaiter waiter,
      StateFile file,
      JournalFile journal) {}

  /**
   * Takes up what an earlier run knew.
   *
   * @param thread of names
   * @param waitThread waits for the datapath
   */
  public LearnedNames(Parts parts, Limits limits, Scheduler thread, Scheduler waitThread) {
    this.cache = parts.cache();
    this.ipcache = parts.ipcache();
    this.labels = new NameLabels(parts.ipcache());
    this.limits = limits;
    this.rules = parts.rules();
    this.areRulesRead = parts.areRulesRead();
    this.waiter = parts.waiter();
    this.thread = thread;
    this.waitThread = waitThread;
    this.file = parts.file();
    this.journal = parts.journal();
    this.follower =
        new Follower(
            thread,
            Duration.ZERO,
            List.of(cache.answers(), parts.changes()),
            new Follower.Reader() {
              @Override
              public void read(Follower.Look look) {
                round(look.of(cache.answers()));
              }
            });
    restore();
  }

  private void restore() {
    try {
      Optional<byte[]> content = file.read();
      if (content.isPresent()) {
        restore(content.get());
      }
    } catch (IOException | IllegalArgumentException e) {
      LOG.warn("names of DNS are lost, others follow error=\"{}\"", e.getMessage());
      file.setAside();
    }
    try {
      journal.read().forEach(this::restoreLast);
    } catch (IOException e) {
      tellLost(e);
    }
    cache.answers().snapshot().forEach(row -> restored.put(row.key(), row.value()));
    ipcache.synced(INPUT);
  }

  /** One that cannot be read hides no other. */
  private void restoreLast(byte[] line) {
    try {
      restore(line);
    } catch (IllegalArgumentException e) {
      tellLost(e);
    }
  }

  private static void tellLost(Exception e) {
    LOG.warn("some of the last names of DNS are lost, others follow error=\"{}\"", e.getMessage());
  }

  private void restore(byte[] content) {
    NamesFile earlier = NamesFile.read(content);
    cache.restore(earlier.answers());
    labels.restore(earlier.labels());
  }

  @Override
  public void start() {
    progress = waiter.progress().watch(this::progressed);
    follower.start();
    becomeReady();
  }

  /** Has a round look until all rules are read. */
  private void becomeReady() {
    follower.wake();
    if (!isReady) {
      thread.schedule(LOOK, this::becomeReady);
    }
  }

  @Override
  public void stop() {
    follower.stop();
    if (progress != null) {
      progress.close();
    }
    save();
  }

  @Override
  public CompletionStage<Boolean> learned(
      int endpointId, String name, List<IpAddress> addresses, Duration timeToLive) {
    Duration time =
        timeToLive.compareTo(limits.minTimeToLive()) < 0 ? limits.minTimeToLive() : timeToLive;
    long revision =
        cache.learn(
            new DnsCache.Key(endpointId, name),
            addresses,
            time,
            Clock.systemUTC().instant(),
            limits.mostAddresses());
    if (isReady && isKnown(endpointId, name, addresses)) {
      return CompletableFuture.completedFuture(true);
    }
    if (waitingCount.incrementAndGet() > MAX_WAITING) {
      waitingCount.decrementAndGet();
      return CompletableFuture.completedFuture(false);
    }
    var done = new CompletableFuture<Boolean>();
    waiting.add(new Waiting(revision, endpointId, addresses, waitThread.nanoTime(), done));
    // The round that saw the answer may be over.
    follower.wake();
    return done;
  }

  /** Whether an answer brings nothing that the datapath is to have and has not. */
  private boolean isKnown(int endpointId, String name, List<IpAddress> addresses) {
    Optional<Long> since = labels.since(name, addresses);
    return since.isPresent()
        && (since.get() == NameLabels.NOBODYS
            || (since.get() <= followed && waiter.isEnforced(endpointId, addresses)));
  }

  private void round(Changes<DnsCache.Key, DnsCache.Answer> changes) {
    Map<IpAddress, Set<Label>> labelled = new HashMap<>();
    if (isReady) {
      labelled.putAll(labels.take(rules.get(), changes.snapshot()));
      labelled.putAll(labels.take(changes));
    } else if (areRulesRead.getAsBoolean()) {
      labelled.putAll(labels.take(rules.get(), changes.snapshot()));
      labelled.putAll(labels.refreshAll(changes.snapshot()));
      isReady = true;
    }
    note(changes, labelled);
    if (!isReady) {
      return;
    }
    List<Waiting> seen = new ArrayList<>();
    waiting.removeIf(each -> {
      boolean isSeen = each.revision() <= changes.snapshot().revision();
      if (isSeen) {
        seen.add(each);
      }
      return isSeen;
    });
    if (!seen.isEmpty()) {
      long revision = ipcache.table().revision();
      waitThread.execute(() -> await(revision, seen));
    }
  }

  /**
   * Has what is new outlive this process, before the client knows it. That a known address counts
   * for longer is not new.
   */
  private void note(
      Changes<DnsCache.Key, DnsCache.Answer> changes, Map<IpAddress, Set<Label>> labelled) {
    Map<DnsCache.Key, DnsCache.Answer> answers = new HashMap<>();
    for (Change<DnsCache.Key, DnsCache.Answer> change : changes.list()) {
      Set<IpAddress> before =
          changes
              .before()
              .get(change.key())
              .or(() -> Optional.ofNullable(restored.get(change.key())))
              .map(each -> each.addresses().keySet())
              .orElse(Set.of());
      DnsCache.Answer now =
          switch (change) {
            case Change.Put<DnsCache.Key, DnsCache.Answer> put -> put.value();
            case Change.Removed<DnsCache.Key, DnsCache.Answer> _ -> new DnsCache.Answer(Map.of());
          };
      if (!now.addresses().keySet().equals(before)) {
        answers.put(change.key(), now);
      }
    }
    restored.clear();
    if (answers.isEmpty() && labelled.isEmpty()) {
      return;
    }
    try {
      journal.append(new NamesFile(answers, labelled).write());
      isNoted = true;
    } catch (IOException e) {
      if (isNoted) {
        LOG.warn("names of DNS are kept later error=\"{}\"", e.getMessage());
      }
      isNoted = false;
    }
  }

  private void await(long revision, List<Waiting> seen) {
    boolean isFollowed = false;
    try {
      isFollowed = revision <= followed || waiter.awaitAddresses(revision, limits.patience());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    if (!isFollowed) {
      seen.forEach(each -> end(each, false));
      return;
    }
    followed = Math.max(followed, revision);
    open.addAll(seen);
    look();
    if (!open.isEmpty()) {
      waitThread.schedule(limits.patience(), this::look);
    }
  }

  /** Some rows became others; called by those who wrote that. */
  private void progressed() {
    if (waitingCount.get() > 0 && isLooking.compareAndSet(false, true)) {
      waitThread.execute(this::look);
    }
  }

  /** Each answer waits for its own rows: those of others may fail for long. */
  private void look() {
    isLooking.set(false);
    long now = waitThread.nanoTime();
    open.removeIf(each -> {
      boolean isEnforced = waiter.isEnforced(each.endpointId(), each.addresses());
      boolean isOver = isEnforced || now - each.sinceNanos() >= limits.patience().toNanos();
      if (isOver) {
        end(each, isEnforced);
      }
      return isOver;
    });
  }

  private void end(Waiting answer, boolean isEnforced) {
    waitingCount.decrementAndGet();
    answer.done().complete(isEnforced);
  }

  /** How many names and patterns rules select by. */
  public int selectors() {
    return labels.selectors().size();
  }

  /** Keeps what is known, if it is not what was kept last. */
  public synchronized void save() {
    long answerChanges = cache.answers().revision();
    long labelChanges = labels.changes();
    if (answerChanges == savedAnswers && labelChanges == savedLabels) {
      return;
    }
    try {
      long noted = journal.size();
      Map<DnsCache.Key, DnsCache.Answer> answers = new HashMap<>();
      cache.answers().snapshot().forEach(row -> answers.put(row.key(), row.value()));
      file.write(new NamesFile(answers, labels.labels()).write());
      journal.removeFirst(noted);
      savedAnswers = answerChanges;
      savedLabels = labelChanges;
    } catch (IOException e) {
      LOG.warn("names of DNS are not kept error=\"{}\"", e.getMessage());
    }
  }
}
