// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Namespace;
import io.cilium4j.core.Node;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamMode;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.Watch;
import io.cilium4j.identity.IdentityAllocator;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.identity.LabelFilter;
import io.cilium4j.policy.PolicyConfig;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The parts of an agent that runs, wired. Made at the start and thrown away at the stop, so that an
 * agent that is started again begins from its state folder and the kernel and nothing else.
 *
 * <p>Who follows whom, from top to bottom:
 *
 * <pre>
 *   source        EndpointManager      HostAddresses
 *     |             |         |              |
 *   resources   endpoints  identities     ipcache     tables
 *     |_____________|_________|______________|
 *                   |
 *           PolicyController
 *                   |
 *                desired                              table
 *                   |
 *               Reconciler  -->  datapath  -->  FlowLog
 * </pre>
 */
final class AgentRuntime implements AutoCloseable {

  private final Opened opened;
  private final AgentConfig config;
  private final DatapathChoice choice;
  private final Datapath datapath;
  private final Optional<KubernetesSource> source;
  private final IdentityAllocator identities;
  private final Ipcache ipcache;
  private final PolicyRules rules;
  private final PolicyController controller;
  private final Realisation realisation;
  private final TableWriter<Integer, Endpoint> endpoints =
      TableWriter.create("endpoints", Comparator.naturalOrder(), Set.of(EndpointManager.RESTORED));
  private final EndpointManager manager;
  private final Table<String, Namespace> namespaces;
  private final FlowLog flows;
  private final Lifecycle lifecycle = new Lifecycle();

  private AgentRuntime(
      AgentConfig config, StateFolder folder, DatapathChoice choice, Opened opened) {
    this.opened = opened;
    this.config = config;
    this.choice = choice;
    IpamAllocator ipam = openIpam(config);
    List<IpAddress> routers =
        Stream.of(IpFamily.values()).flatMap(family -> ipam.router(family).stream()).toList();
    this.datapath = opened.add(openDatapath(config, folder, choice, routers));
    Scheduler identityThread = thread("identity");
    this.identities =
        opened.add(new IdentityAllocator(openBackend(identityThread), identityThread));
    this.ipcache = new Ipcache(identities, ipam.families(), Set.of(HostAddresses.INPUT));
    this.source = config.source().map(this::openSource);
    this.rules = new PolicyRules(policyConfig(config, ipam.families()), ipcache);
    Scheduler controllerThread = thread("controller");
    this.controller =
        new PolicyController(
            controllerThread,
            rules,
            new PolicyController.Inputs(
                endpoints.table(), resources(), identities.identities(), ipcache.table()));
    Reconciler<DesiredKey, Desired> reconciler =
        Reconciler.create(
            controller.desired(), new DatapathOperations(datapath), thread("reconciler"));
    this.realisation = new Realisation(controller, reconciler);
    this.namespaces = namespaces();
    this.manager =
        new EndpointManager(
            endpoints,
            new EndpointClaims(ipam, identities, ipcache),
            new EndpointStore(folder),
            datapath,
            realisation);
    this.flows = new FlowLog(cookie -> rules.snapshot().origin(cookie));
    lifecycle
        .add("flow log", new FlowFollower(datapath, flows))
        .add("endpoints", new EndpointFollower(manager, reconciler.statuses(), controllerThread))
        .add("host addresses", new HostAddresses(ipcache, controllerThread, new HashSet<>(routers)))
        .add("controller", controller)
        .add("reconciler", reconciler);
    source.ifPresent(each -> lifecycle.add("source", each));
  }

  /**
   * Opens everything; nothing moves before {@link #start}.
   *
   * @param held closed with the runtime, also when opening fails
   */
  static AgentRuntime open(
      AgentConfig config, StateFolder folder, DatapathChoice choice, AutoCloseable held) {
    var opened = new Opened();
    opened.add(held);
    try {
      return new AgentRuntime(config, folder, choice, opened);
    } catch (RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  /** Lets everything run. When it throws, the runtime is still to be closed. */
  void start() {
    lifecycle.start();
  }

  /** Ends; the kernel goes on enforcing. */
  @Override
  public void close() {
    try (opened) {
      lifecycle.stop();
    }
  }

  /** Ends, and removes everything that the instance owns but its state folder. */
  void destroy() {
    try (opened) {
      lifecycle.stop();
      datapath.destroy();
    }
  }

  // ---- what an agent is asked for ----

  String datapathName() {
    return datapath.name();
  }

  String description() {
    return datapath.description();
  }

  String reason() {
    return choice.reason();
  }

  Datapath datapath() {
    return datapath;
  }

  EndpointManager manager() {
    return manager;
  }

  /** The labels that make a pod's identity. */
  Labels relevantLabels(EndpointRequest pod) {
    Map<String, String> namespaceLabels =
        namespaces.get(pod.namespace()).map(Namespace::labels).orElse(Map.of());
    return LabelFilter.DEFAULT.relevant(
        PodLabels.prepare(
            pod.labels(),
            new PodLabels.Origin(
                pod.namespace(), namespaceLabels, pod.serviceAccount(), config.clusterName()),
            pod.namedPorts()));
  }

  PolicyRules rules() {
    return rules;
  }

  PolicyController controller() {
    return controller;
  }

  Realisation realisation() {
    return realisation;
  }

  FlowLog flows() {
    return flows;
  }

  Table<Integer, Endpoint> endpoints() {
    return endpoints.table();
  }

  Table<Integer, Identity> identities() {
    return identities.identities();
  }

  Table<IpPrefix, IpcacheEntry> ipcache() {
    return ipcache.table();
  }

  Optional<KubernetesSource> source() {
    return source;
  }

  // ---- opening ----

  private Scheduler thread(String task) {
    return opened.add(Scheduler.ofThread(config.instance() + "-" + task));
  }

  private static IpamAllocator openIpam(AgentConfig config) {
    var node = new Node(config.nodeName(), List.of(), config.podCidrs());
    return Services.named(ServiceLoader.load(IpamMode.class), IpamMode::name, "cluster-pool")
        .open(node, Map.of());
  }

  private static Datapath openDatapath(
      AgentConfig config, StateFolder folder, DatapathChoice choice, List<IpAddress> routers) {
    return choice
        .provider()
        .open(
            new DatapathProvider.Config(
                config.instance(),
                folder.datapath(),
                routers,
                config.clusterId(),
                config.limits()));
  }

  private IdentityBackend openBackend(Scheduler scheduler) {
    return opened.add(
        Services.named(
                ServiceLoader.load(IdentityBackendProvider.class),
                IdentityBackendProvider::name,
                "memory")
            .open(new IdentityBackendProvider.Config(config.clusterId(), scheduler, Map.of())));
  }

  private KubernetesSource openSource(AgentConfig.Source wanted) {
    return wanted
        .provider()
        .get()
        .open(
            new KubernetesSourceProvider.Config(
                config.clusterName(), thread("source"), wanted.options()));
  }

  private Table<ResourceKey, RawResource> resources() {
    return source
        .map(KubernetesSource::resources)
        .orElseGet(() -> TableWriter.<ResourceKey, RawResource>create("resources").table());
  }

  private Table<String, Namespace> namespaces() {
    return source
        .map(KubernetesSource::namespaces)
        .orElseGet(() -> TableWriter.<String, Namespace>create("namespaces").table());
  }

  private static PolicyConfig policyConfig(AgentConfig config, Set<IpFamily> families) {
    return PolicyConfig.DEFAULT.toBuilder()
        .cluster(config.clusterName(), config.clusterId())
        .families(families.contains(IpFamily.IPV4), families.contains(IpFamily.IPV6))
        .build();
  }

  /** The datapath's reports, as long as the agent runs. */
  private static final class FlowFollower implements Lifecycle.Part {
    private final Datapath datapath;
    private final FlowLog flows;
    private Datapath.@Nullable Subscription subscription;

    FlowFollower(Datapath datapath, FlowLog flows) {
      this.datapath = datapath;
      this.flows = flows;
    }

    @Override
    public void start() {
      subscription = datapath.subscribe(flows);
    }

    @Override
    public void stop() {
      if (subscription != null) {
        subscription.close();
      }
    }
  }

  /** Brings the endpoints of an earlier run back, then their states in line with the datapath. */
  private static final class EndpointFollower implements Lifecycle.Part {
    private final EndpointManager manager;
    private final Table<DesiredKey, RowStatus> statuses;
    private final Scheduler scheduler;
    private @Nullable Watch<DesiredKey, RowStatus> watch;

    EndpointFollower(
        EndpointManager manager, Table<DesiredKey, RowStatus> statuses, Scheduler scheduler) {
      this.manager = manager;
      this.statuses = statuses;
      this.scheduler = scheduler;
    }

    @Override
    public void start() {
      manager.restore();
      watch = statuses.watch(() -> scheduler.execute(this::look));
    }

    private void look() {
      if (watch != null && !watch.isClosed()) {
        manager.follow(watch.poll());
      }
    }

    @Override
    public void stop() {
      if (watch != null) {
        watch.close();
      }
    }
  }
}
