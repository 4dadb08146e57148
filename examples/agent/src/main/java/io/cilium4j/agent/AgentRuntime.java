// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.cluster.NodeHealthMetrics;
import io.cilium4j.agent.task.Controllers;
import io.cilium4j.agent.event.AgentEvents;
import io.cilium4j.agent.config.DatapathChoice;
import io.cilium4j.agent.config.Seam;
import io.cilium4j.agent.config.AgentConfig;
import io.cilium4j.agent.flow.FlowFollower;
import io.cilium4j.agent.flow.FlowLog;
import io.cilium4j.agent.state.Resources;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.agent.endpoint.PodEndpoints;
import io.cilium4j.agent.endpoint.EndpointStore;
import io.cilium4j.agent.endpoint.EndpointRestorer;
import io.cilium4j.agent.endpoint.Ownership;
import io.cilium4j.agent.endpoint.EndpointClaims;
import io.cilium4j.agent.endpoint.EndpointManager;
import io.cilium4j.agent.cluster.ClusterNodes;
import io.cilium4j.agent.cluster.HealthConfig;
import io.cilium4j.agent.cluster.NodeHealth;
import io.cilium4j.api.model.PrefilterSpec;
import io.cilium4j.api.model.RecorderSpec;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Node;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.Mended;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSinkProvider;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.Watch;
import io.cilium4j.datapath.net.NodePrefixes;
import io.cilium4j.identity.EndpointLabels;
import io.cilium4j.identity.EndpointPrefixes;
import io.cilium4j.identity.HostPrefixes;
import io.cilium4j.identity.IdentityAllocator;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.identity.LocalIdentities;
import io.cilium4j.identity.PodFollower;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.ipam.CountingAllocator;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.controller.AcceptedPolicies;
import io.cilium4j.policy.controller.ApiRules;
import io.cilium4j.policy.controller.EnforcementStatus;
import io.cilium4j.policy.controller.EnforcementWaiter;
import io.cilium4j.policy.controller.IdentityMemory;
import io.cilium4j.policy.controller.PolicyController;
import io.cilium4j.policy.controller.PolicyRules;
import io.cilium4j.policy.controller.ProgramPolicies;
import io.cilium4j.policy.controller.Regenerations;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The parts of an agent that runs, wired. Made at the start and thrown away at the stop, so that an
 * agent that is started again begins from its state folder and the kernel and nothing else.
 *
 * <p>Who follows whom, from top to bottom:
 *
 * <pre>
 *   source        EndpointManager      HostPrefixes
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
public final class AgentRuntime implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AgentRuntime.class);

  /** How often reservations of addresses are looked at, whose deadline is minutes away. */
  private static final Duration RESERVATION_SWEEP = Duration.ofSeconds(30);

  /** How often devices, routes and attachments are looked at: who undoes one waits seconds. */
  private static final Duration DEVICE_CHECK = Duration.ofSeconds(3);

  /** How often the policies that were accepted are kept, if there are new ones. */
  private static final Duration KEEP_INTERVAL = Duration.ofSeconds(2);

  /** How often it is seen to that probes of other nodes are answered. */
  private static final Duration ANSWER_CHECK = Duration.ofSeconds(5);

  private final Resources opened;

  /** What is done when everything is closed but the lock. */
  private volatile Runnable lastStep = () -> {};

  private final AgentConfig config;
  private final DatapathChoice choice;
  private final Datapath datapath;
  private final Optional<KubernetesSource> source;
  private final IdentityAllocator identities;
  private final Ipcache ipcache;
  private final PolicyRules rules;
  private final PolicyController controller;
  private final EnforcementWaiter enforcement;
  private final TableWriter<Integer, Endpoint> endpoints =
      TableWriter.create("endpoints", Comparator.naturalOrder(), Set.of(EndpointManager.RESTORED));
  private final EndpointManager manager;
  private final EndpointLabels labels;
  private final FlowLog flows;
  private final AddressReservations addresses;
  private final ApiRules apiRules;
  private final ProgramPolicies programPolicies;
  private final AgentOptions options;
  private final Controllers controllers;
  private final Reconciler<RowKey, Row> reconciler;
  private final FileTable<ServiceSpec> services;
  private final FileTable<RecorderSpec> recorders;
  private final PrefilterList prefilter;
  private final DnsCache dnsCache = new DnsCache();
  private final DatapathRows datapathRows;
  private final ClusterNodes nodes;
  private final Optional<NodeHealth> nodeHealth;
  private final Regenerations regenerations;
  private final Metrics metrics;
  private volatile List<String> datapathProblems = List.of();
  private final Instant startedAt = Instant.now();
  private final Lifecycle lifecycle = new Lifecycle();
  private final List<AgentEvents> listeners = new CopyOnWriteArrayList<>();

  private AgentRuntime(
      AgentConfig config, StateFolder folder, DatapathChoice choice, Resources opened) {
    this.opened = opened;
    // Behind all that may still write, and before the lock is given back.
    AutoCloseable _ = opened.add(() -> lastStep.run());
    this.config = config;
    this.choice = choice;
    var ipam = new CountingAllocator(openIpam(config));
    List<IpAddress> routers =
        Stream.of(IpFamily.values()).flatMap(family -> ipam.router(family).stream()).toList();
    this.datapath = opened.add(openDatapath(config, folder, choice, routers));
    opened.ifFailed(datapath::destroy);
    Scheduler identityThread = thread("identity");
    this.identities =
        opened.add(new IdentityAllocator(openBackend(identityThread), identityThread));
    var localIdentities = new LocalIdentities(folder.localIdentities(), identities);
    this.ipcache = new Ipcache(identities, ipam.families(), Set.of(HostPrefixes.INPUT));
    this.source = config.source().map(each -> openSource(each, folder));
    PolicyConfig policyConfig = policyConfig(config, ipam.families());
    var acceptedPolicies = opened.add(new AcceptedPolicies(folder.policies()));
    this.rules = new PolicyRules(policyConfig, this::namePrefixes, acceptedPolicies);
    this.apiRules = new ApiRules(policyConfig, folder.apiRules());
    var ownership = new Ownership();
    this.programPolicies = new ProgramPolicies(policyConfig, folder.programPolicies());
    this.addresses =
        new AddressReservations(
            ipam,
            config.podCidrs(),
            new FileTable<>("addresses", folder, AddressReservations.Held.class),
            EndpointClaims.guard(ownership),
            AddressReservations.Clocks.SYSTEM);
    Scheduler controllerThread = thread("controller");
    this.regenerations = new Regenerations(controllerThread::nanoTime);
    this.controller =
        new PolicyController(
            controllerThread,
            rules,
            new PolicyController.Inputs(
                endpoints.table(),
                resources(),
                apiRules.objects(),
                programPolicies.objects(),
                identities.identities(),
                ipcache.table()),
            memoryOf(localIdentities),
            regenerations);
    this.reconciler = controller.reconciler(datapath, thread("reconciler"));
    this.enforcement = new EnforcementWaiter(controller, reconciler);
    this.labels = new EndpointLabels(config.clusterName(), source);
    this.manager =
        new EndpointManager(
            endpoints,
            new EndpointClaims(
                ownership, ipam, addresses, identities, new EndpointPrefixes(ipcache)),
            new EndpointStore(folder),
            datapath,
            enforcement);
    this.options =
        new AgentOptions(
            manager.details(),
            config.audit() ? Set.of(AgentOption.POLICY_AUDIT_MODE) : Set.of(),
            policyConfig.enforcement(),
            controller::setEnforcement,
            controller::auditChanged);
    controller.auditBy(id -> options.isOn(AgentOption.POLICY_AUDIT_MODE, id));
    this.flows = new FlowLog(cookie -> rules.snapshot().origin(cookie), options::isWanted);
    config.flowSinks().forEach(this::openSink);
    this.services = new FileTable<>("services", folder, ServiceSpec.class);
    this.recorders = new FileTable<>("recorders", folder, RecorderSpec.class);
    this.prefilter = new PrefilterList(new FileTable<>("prefilter", folder, PrefilterSpec.class));
    this.datapathRows = new DatapathRows(controller.desired(), reconciler, Clock.systemUTC());
    var hostPrefixes = new HostPrefixes(ipcache, routers);
    var nodePrefixes = new NodePrefixes(config.instance() + "-host-addresses", hostPrefixes::put);
    this.controllers =
        new Controllers(thread("controllers"), Clock.systemUTC())
            .add("host-addresses", NodePrefixes.INTERVAL, nodePrefixes::repeat)
            .add(
                "accepted-policies",
                KEEP_INTERVAL,
                () -> acceptedPolicies.keep(controller.desired().isInitialised()))
            .add("ipam-reservations", RESERVATION_SWEEP, addresses::expire)
            .add("endpoint-devices", DEVICE_CHECK, manager::lookAtDevices)
            .add("datapath-mending", DEVICE_CHECK, this::mendDatapath);
    this.nodes =
        new ClusterNodes(ciliumNodes(), new Node(config.nodeName(), routers, config.podCidrs()));
    this.nodeHealth = config.health().map(this::openNodeHealth);
    var measured = new AgentMetrics(this);
    this.metrics = new Metrics(measured::read);
    metrics.add(ipam::metrics);
    metrics.add(regenerations::metrics);
    nodeHealth.ifPresent(each -> metrics.add(opened.add(new NodeHealthMetrics(each))::read));
    lifecycle
        .add("flow log", new FlowFollower(datapath, flows))
        .add("endpoints", new StatusFollower(this, controllerThread))
        .add("host addresses", nodePrefixes)
        .add("controllers", controllers)
        .add("controller", controller)
        .add("reconciler", reconciler);
    nodeHealth.ifPresent(each -> {
      controllers.add(NodeHealth.CONTROLLER, ANSWER_CHECK, each::check);
      lifecycle.add("node health", each);
    });
    source.ifPresent(each ->
        lifecycle
            .add("source", each)
            .add("pods", new PodFollower(each, labels, new PodEndpoints(manager), thread("pods"))));
  }

  /**
   * Opens everything; nothing moves before {@link #start}.
   *
   * @param held closed with the runtime, also when opening fails
   */
  static AgentRuntime open(
      AgentConfig config, StateFolder folder, DatapathChoice choice, AutoCloseable held) {
    return open(config, folder, choice, held, false);
  }

  /** As {@link #open}, for an instance that there was nothing of: failing leaves nothing either. */
  static AgentRuntime openFirst(
      AgentConfig config, StateFolder folder, DatapathChoice choice, AutoCloseable held) {
    return open(config, folder, choice, held, true);
  }

  private static AgentRuntime open(
      AgentConfig config,
      StateFolder folder,
      DatapathChoice choice,
      AutoCloseable held,
      boolean isFirst) {
    var opened = new Resources();
    opened.add(held);
    try {
      return new AgentRuntime(config, folder, choice, opened);
    } catch (RuntimeException | Error e) {
      if (isFirst) {
        opened.fail();
      } else {
        opened.close();
      }
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
      listeners.forEach(AgentEvents::close);
      lifecycle.stop();
    }
  }

  /** Ends, and removes everything that the instance owns, its state folder last. */
  void destroy(StateFolder folder) {
    try (opened) {
      listeners.forEach(AgentEvents::close);
      lifecycle.stop();
      datapath.destroy();
      lastStep = folder::remove;
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

  EndpointLabels labels() {
    return labels;
  }

  AddressReservations addresses() {
    return addresses;
  }

  ApiRules apiRules() {
    return apiRules;
  }

  ProgramPolicies programPolicies() {
    return programPolicies;
  }

  /** Sets some of an endpoint's own options; false if there is no such endpoint. */
  boolean setOptions(int endpointId, Map<String, Boolean> byName) {
    boolean known = manager.changeOptions(endpointId, byName);
    controller.auditChanged();
    return known;
  }

  AgentOptions options() {
    return options;
  }

  /** In which directions this policy decides what an endpoint sends and gets. */
  EnforcementStatus enforcement(int endpointId, CompiledPolicy policy) {
    boolean audited = policy.isAudited() || options.isOn(AgentOption.POLICY_AUDIT_MODE, endpointId);
    return EnforcementStatus.of(policy, audited);
  }

  Controllers controllers() {
    return controllers;
  }

  public Reconciler<RowKey, Row> reconciler() {
    return reconciler;
  }

  public FileTable<ServiceSpec> services() {
    return services;
  }

  FileTable<RecorderSpec> recorders() {
    return recorders;
  }

  PrefilterList prefilter() {
    return prefilter;
  }

  DnsCache dnsCache() {
    return dnsCache;
  }

  private static IdentityMemory memoryOf(LocalIdentities identities) {
    return new IdentityMemory() {
      @Override
      public void keep(Changes<Integer, Identity> changes) {
        identities.keep(changes);
      }

      @Override
      public void settle() {
        identities.settle();
      }
    };
  }

  private void namePrefixes(Map<String, Set<IpPrefix>> byObject) {
    ipcache.update(batch -> byObject.forEach(batch::replaceCidrs));
  }

  private void mendDatapath() {
    Mended found = datapath.mend();
    found.mended().forEach(each -> LOG.warn("mended what={}", each));
    if (!found.problems().equals(datapathProblems)) {
      found.problems().forEach(each -> LOG.warn("cannot be mended what=\"{}\"", each));
      datapathProblems = found.problems();
    }
  }

  /** What of the datapath is not as it must be on this node, one line each. */
  List<String> datapathProblems() {
    return datapathProblems;
  }

  DatapathRows datapathRows() {
    return datapathRows;
  }

  Metrics metrics() {
    return metrics;
  }

  /** Tells what becomes of the tables until the handle is closed, or the agent ends. */
  Subscription onEvent(Consumer<? super AgentEvent> listener) {
    AgentEvents events = AgentEvents.follow(this, config.instance(), listener);
    listeners.add(events);
    return () -> {
      listeners.remove(events);
      events.close();
    };
  }

  AgentConfig config() {
    return config;
  }

  ClusterNodes nodes() {
    return nodes;
  }

  Optional<NodeHealth> nodeHealth() {
    return nodeHealth;
  }

  Instant startedAt() {
    return startedAt;
  }

  public PolicyRules rules() {
    return rules;
  }

  PolicyController controller() {
    return controller;
  }

  EnforcementWaiter enforcement() {
    return enforcement;
  }

  FlowLog flows() {
    return flows;
  }

  public Table<Integer, Endpoint> endpoints() {
    return endpoints.table();
  }

  Table<Integer, Identity> identities() {
    return identities.identities();
  }

  public Table<IpPrefix, IpcacheEntry> ipcache() {
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
    return config.ipam().provider().get().open(node, config.ipam().options());
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
                config.limits(),
                config.devices(),
                config.podCidrs(),
                Routing.NETWORK));
  }

  private IdentityBackend openBackend(Scheduler scheduler) {
    Seam<IdentityBackendProvider> wanted = config.identities();
    return opened.add(
        wanted
            .provider()
            .get()
            .open(
                new IdentityBackendProvider.Config(
                    config.clusterId(), scheduler, wanted.options())));
  }

  private void openSink(Seam<FlowSinkProvider> wanted) {
    FlowSink sink = opened.add(wanted.provider().get().open(wanted.options()));
    flows.listen(reported -> sink.accept(reported.flow()));
  }

  private KubernetesSource openSource(Seam<KubernetesSourceProvider> wanted, StateFolder folder) {
    return wanted
        .provider()
        .get()
        .open(
            new KubernetesSourceProvider.Config(
                thread("source"), wanted.options(), folder.manifests()));
  }

  private Table<ResourceKey, RawResource> resources() {
    return source
        .map(KubernetesSource::resources)
        .orElseGet(() -> TableWriter.<ResourceKey, RawResource>create("resources").table());
  }

  private Table<String, Node> ciliumNodes() {
    return source
        .map(KubernetesSource::ciliumNodes)
        .orElseGet(() -> TableWriter.<String, Node>create("cilium-nodes").table());
  }

  private NodeHealth openNodeHealth(HealthConfig health) {
    return new NodeHealth(health, nodes, thread("health"), config.instance() + "-probe-");
  }

  private static PolicyConfig policyConfig(AgentConfig config, Set<IpFamily> families) {
    return PolicyConfig.DEFAULT.toBuilder()
        .cluster(config.clusterName(), config.clusterId())
        .enforcement(config.enforcement())
        .families(families.contains(IpFamily.IPV4), families.contains(IpFamily.IPV6))
        .build();
  }

  /** Brings the endpoints of an earlier run back, then their states in line with the datapath. */
  private static final class StatusFollower implements Lifecycle.Part {
    private final AgentRuntime runtime;
    private final Scheduler scheduler;
    private @Nullable Watch<RowKey, RowStatus> watch;

    StatusFollower(AgentRuntime runtime, Scheduler scheduler) {
      this.runtime = runtime;
      this.scheduler = scheduler;
    }

    @Override
    public void start() {
      runtime.manager.restore(
          runtime.config.allowLostEndpoints()
              ? EndpointRestorer.Lost.SET_ASIDE
              : EndpointRestorer.Lost.REFUSE);
      runtime.addresses.restore();
      watch = runtime.reconciler.statuses().watch(() -> scheduler.execute(this::look));
    }

    private void look() {
      if (watch != null && !watch.isClosed()) {
        Changes<RowKey, RowStatus> changes = watch.poll();
        runtime.manager.states().follow(changes);
        runtime.datapathRows.follow(changes);
        runtime.regenerations.follow(changes);
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
