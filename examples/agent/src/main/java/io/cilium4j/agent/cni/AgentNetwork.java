// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cni;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointAttachment;
import io.cilium4j.agent.EndpointClaim;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.agent.Wait;
import io.cilium4j.agent.endpoint.Sandbox;
import io.cilium4j.agent.feature.EndpointFeature;
import io.cilium4j.agent.state.Tables;
import io.cilium4j.agent.task.KeyedLocks;
import io.cilium4j.cni.CniAttachment;
import io.cilium4j.cni.CniException;
import io.cilium4j.cni.CniException.Code;
import io.cilium4j.cni.CniNetwork;
import io.cilium4j.cni.CniRequest.Add;
import io.cilium4j.cni.CniRequest.Check;
import io.cilium4j.cni.CniRequest.Collect;
import io.cilium4j.cni.CniRequest.Delete;
import io.cilium4j.cni.CniResult;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.EndpointDevices;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.state.Row;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.IntSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The agent's endpoints as a network that container runtimes join pods to.
 *
 * <p>A container's device is one endpoint, known by its attachment. What was joined and is there
 * still is joined again by doing nothing; what has lost its devices is removed and made anew. The
 * endpoint's network is kept with its names, so that {@code GC} of one network leaves others alone.
 *
 * <p>Calls of one container are carried out one at a time.
 */
public final class AgentNetwork implements CniNetwork {
  private static final Logger LOG = LoggerFactory.getLogger(AgentNetwork.class);

  /** How long an endpoint of an earlier call or run may take until its policy is in force. */
  private static final Duration READY_PATIENCE = Duration.ofSeconds(30);

  private final EndpointFeature endpoints;
  private final EndpointDevices devices;
  private final IpamAllocator addresses;
  private final PodArrival arrival;
  private final IntSupplier mtuBytes;
  private final KeyedLocks locks = new KeyedLocks();

  /**
   * The network of an agent.
   *
   * @param arrival waits for the pods of which a runtime tells before Kubernetes does
   * @param mtuBytes the largest packet of the devices at the moment
   */
  public AgentNetwork(
      EndpointFeature endpoints,
      EndpointDevices devices,
      IpamAllocator addresses,
      PodArrival arrival,
      IntSupplier mtuBytes) {
    this.endpoints = endpoints;
    this.devices = devices;
    this.addresses = addresses;
    this.arrival = arrival;
    this.mtuBytes = mtuBytes;
  }

  // ---- ADD ----

  @Override
  public Added add(Add request) {
    CniPod pod = CniPod.of(request);
    return alone(
        request.attachment(),
        () -> {
          Optional<Endpoint> standing = standing(request);
          if (standing.isPresent()) {
            return new Added(result(standing.get(), request), () -> {});
          }
          arrival.await(pod);
          Endpoint made =
              request.previous().isPresent()
                  ? adopt(request, pod, request.previous().get())
                  : endpoints.create(sandbox(request, pod));
          return new Added(result(made, request), () -> undo(request.attachment(), made));
        });
  }

  /** What an earlier call made, if it is as it must be; what is not goes. */
  private Optional<Endpoint> standing(Add request) {
    Optional<Endpoint> found = find(request.attachment());
    if (found.isEmpty()) {
      return found;
    }
    Endpoint endpoint = found.get();
    List<String> problems = problems(endpoint, request.attachment(), request.netns());
    if (problems.isEmpty()) {
      awaitReady(endpoint);
      return found;
    }
    LOG.info("stale attachment removed id={} problems={}", endpoint.id(), problems);
    var _ = endpoints.manager().delete(endpoint.id());
    return Optional.empty();
  }

  private void awaitReady(Endpoint endpoint) {
    boolean isReady =
        Tables.await(
            endpoints.table(),
            () ->
                endpoints
                    .table()
                    .get(endpoint.id())
                    .filter(each -> each.state() == EndpointState.READY)
                    .isPresent(),
            READY_PATIENCE);
    if (!isReady) {
      throw new AgentException("endpoint " + endpoint.podName() + ": its policy is not in force");
    }
  }

  private Sandbox sandbox(Add request, CniPod pod) {
    Names names = names(request, pod);
    return new Sandbox(
        pod.namespace(),
        pod.endpointName(names),
        names,
        request.netns(),
        request.attachment().interfaceName(),
        Map.of());
  }

  private Names names(Add request, CniPod pod) {
    String container = request.attachment().containerId();
    boolean hasOthers =
        endpoints.manager().claims().stream()
            .anyMatch(each -> each.names().containerId().equals(container));
    return new Names(
        container,
        "",
        request.attachment().interfaceName(),
        "",
        request.network(),
        pod.uid(),
        hasOthers);
  }

  /** Takes over what the plugins before this one made. */
  private Endpoint adopt(Add request, CniPod pod, CniResult previous) {
    String device = request.attachment().interfaceName();
    EndpointInterface pair =
        devices
            .pairOf(request.netns(), device)
            .orElseThrow(() ->
                new CniException(
                    Code.INVALID_CONFIGURATION,
                    "prevResult: device " + device + " in " + request.netns() + " is no veth"));
    Names names = names(request, pod);
    return endpoints.attach(
        new EndpointAttachment(
            0,
            pod.namespace(),
            pod.endpointName(names),
            names,
            Labels.EMPTY,
            new EndpointInterface(
                pair.hostName(), pair.hostIfindex(), pair.hostMac(), pair.podMac(), ""),
            addressesOf(device, previous),
            AddressOwner.OTHERS,
            Map.of()),
        Wait.UNTIL_READY);
  }

  /** The addresses that a result gives to a device in the container. */
  private static List<IpAddress> addressesOf(String device, CniResult result) {
    List<IpAddress> found =
        result.addresses().stream()
            .filter(
                each -> each.device() < 0 || isIn(result.interfaces().get(each.device()), device))
            .map(CniResult.Address::address)
            .toList();
    if (found.isEmpty()) {
      throw new CniException(
          Code.INVALID_CONFIGURATION, "prevResult: device " + device + " has no address");
    }
    return found;
  }

  private static boolean isIn(CniResult.Interface device, String name) {
    return !device.sandbox().isEmpty() && device.name().equals(name);
  }

  /** A runtime that is gone asks for nothing any more. */
  private void undo(CniAttachment attachment, Endpoint made) {
    alone(
        attachment,
        () -> {
          boolean isTheSame =
              find(attachment).filter(now -> now.device().equals(made.device())).isPresent();
          if (isTheSame) {
            LOG.info("nobody waits for the endpoint id={} pod={}", made.id(), made.podName());
            var _ = endpoints.manager().delete(made.id());
          }
          return made;
        });
  }

  private CniResult result(Endpoint endpoint, Add request) {
    EndpointInterface device = endpoint.device();
    List<CniResult.Address> given = new ArrayList<>();
    List<CniResult.Route> routes = new ArrayList<>();
    for (IpAddress address : endpoint.addresses()) {
      Optional<IpAddress> router = addresses.router(address.family());
      int bits = address.isV4() ? 32 : 128;
      given.add(new CniResult.Address(address, bits, router, 1));
      router.ifPresent(next -> routes.addAll(CniResult.Route.everythingBy(next)));
    }
    return new CniResult(
        List.of(
            new CniResult.Interface(
                device.hostName(), device.hostMac().toString(), mtuBytes.getAsInt(), ""),
            new CniResult.Interface(
                request.attachment().interfaceName(),
                device.podMac().toString(),
                mtuBytes.getAsInt(),
                request.netns())),
        given,
        routes);
  }

  // ---- DEL, CHECK, GC, STATUS ----

  /** One in the making is found too, and waited for. */
  @Override
  public void delete(Delete request) {
    alone(
        request.attachment(),
        () -> {
          for (EndpointClaim claim : endpoints.manager().claims()) {
            if (isOf(claim.names(), request.attachment())) {
              var _ = endpoints.manager().delete(claim.id());
            }
          }
          return true;
        });
  }

  @Override
  public void check(Check request) {
    Endpoint endpoint =
        find(request.attachment())
            .orElseThrow(() ->
                new CniException(
                    Code.UNKNOWN_CONTAINER, "attachment " + request.attachment() + ": not joined"));
    List<IpAddress> told = addressesOf(request.attachment().interfaceName(), request.previous());
    if (!told.containsAll(endpoint.addresses())) {
      throw new CniException(
          Code.CHANGED, "prevResult has " + told + ", the endpoint " + endpoint.addresses());
    }
    List<String> problems = problems(endpoint, request.attachment(), request.netns());
    if (!problems.isEmpty()) {
      throw new CniException(Code.CHANGED, String.join("; ", problems));
    }
  }

  @Override
  public void collect(Collect request) {
    for (Row<Integer, Endpoint> row : endpoints.table().snapshot()) {
      Names names = names(row.key());
      boolean isValid = request.valid().stream().anyMatch(attachment -> isOf(names, attachment));
      if (!isValid
          && !names.containerId().isEmpty()
          && names.dockerNetworkId().equals(request.network())) {
        LOG.info(
            "attachment unknown to the runtime removed id={} pod={}",
            row.key(),
            row.value().podName());
        var _ = endpoints.manager().delete(row.key());
      }
    }
  }

  /**
   * Whoever is called serves. That addresses are used up is told to the pod that gets none: of a
   * network that is not available a kubelet makes a node that is not ready, whose pods are evicted,
   * and where addresses come from pools the next pod may want those of another one.
   */
  @Override
  public void status() {}

  // ---- what there is ----

  private Optional<Endpoint> find(CniAttachment attachment) {
    return endpoints.table().snapshot().stream()
        .map(Row::value)
        .filter(each -> isOf(names(each.id()), attachment))
        .findFirst();
  }

  private Names names(int id) {
    return endpoints.manager().details().get(id).map(EndpointDetails::names).orElse(Names.NONE);
  }

  private static boolean isOf(Names names, CniAttachment attachment) {
    return names.containerId().equals(attachment.containerId())
        && names.containerInterface().equals(attachment.interfaceName());
  }

  /** What of an endpoint is not as it was made; of one that others made they see to it. */
  private List<String> problems(Endpoint endpoint, CniAttachment attachment, String netns) {
    boolean isOurs =
        endpoints
            .manager()
            .details()
            .get(endpoint.id())
            .filter(each -> each.addressOwner() == AddressOwner.AGENT)
            .isPresent();
    return devices.examine(
        endpoint.device(),
        new ConnectRequest(
            endpoint.id(),
            netns,
            attachment.interfaceName(),
            isOurs ? endpoint.addresses() : List.of(),
            mtuBytes.getAsInt()));
  }

  private <T> T alone(CniAttachment attachment, Callable<T> task) {
    try {
      return locks.with(List.of(attachment.containerId()), task);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new AgentException("attachment " + attachment + ": " + e.getMessage(), e);
    }
  }
}
