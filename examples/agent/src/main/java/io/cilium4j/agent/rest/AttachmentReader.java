// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.EndpointAttachment;
import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.api.EndpointId;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** From a client's request for an endpoint to what the agent is asked for. */
final class AttachmentReader {

  /** What an Ethernet address is where the client told none: nobody's. */
  private static final MacAddress NO_MAC = new MacAddress(0);

  private AttachmentReader() {}

  /**
   * Reads a request.
   *
   * @param id the id in the path
   * @throws Refusal if something is missing or wrong
   */
  static EndpointAttachment read(EndpointId id, EndpointChangeRequest wanted) {
    checkState(wanted.state());
    Labels labels = ApiLabels.given(wanted.labels());
    try {
      var names = names(wanted);
      return new EndpointAttachment(
          wantedId(id, wanted),
          wanted.k8sNamespace(),
          name(wanted),
          names,
          labels,
          device(wanted),
          addresses(wanted.addressing()),
          owner(wanted),
          Map.of(),
          reservations(wanted.addressing()));
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    }
  }

  /** The word of a state must be one of the API's. */
  static void checkState(String state) {
    boolean known =
        Arrays.stream(EndpointState.values()).anyMatch(each -> each.toString().equals(state));
    if (!known) {
      throw Refusal.invalid(
          state.isEmpty() ? "state: it is missing" : "state: wanted one of the API's states");
    }
  }

  private static int wantedId(EndpointId id, EndpointChangeRequest wanted) {
    if (id.kind() != EndpointId.Kind.LOCAL) {
      return 0;
    }
    int ofPath = id.number();
    if (wanted.id() < 0 || wanted.id() > Endpoint.MAX_ID) {
      throw new IllegalArgumentException("id " + wanted.id() + ": wanted 0 to " + Endpoint.MAX_ID);
    }
    if (ofPath != 0 && wanted.id() != 0 && wanted.id() != ofPath) {
      throw new IllegalArgumentException("id " + wanted.id() + ": the path says " + ofPath);
    }
    return ofPath != 0 ? ofPath : (int) wanted.id();
  }

  /** A pod's own name; of a pod with several devices, with the device; else the container's. */
  private static String name(EndpointChangeRequest wanted) {
    if (!wanted.k8sPodName().isEmpty()) {
      return wanted.disableLegacyIdentifiers() && !wanted.containerInterfaceName().isEmpty()
          ? wanted.k8sPodName() + ":" + wanted.containerInterfaceName()
          : wanted.k8sPodName();
    }
    for (String name :
        List.of(wanted.containerName(), wanted.containerId(), wanted.dockerEndpointId())) {
      if (!name.isEmpty()) {
        return name;
      }
    }
    return "";
  }

  private static Names names(EndpointChangeRequest wanted) {
    return new Names(
        wanted.containerId(),
        wanted.containerName(),
        wanted.containerInterfaceName(),
        wanted.dockerEndpointId(),
        wanted.dockerNetworkId(),
        wanted.k8sUid(),
        wanted.disableLegacyIdentifiers());
  }

  /** The names with what a change says of them; what it leaves out stays. */
  static Names changedNames(Names present, EndpointChangeRequest wanted) {
    try {
      return new Names(
          or(wanted.containerId(), present.containerId()),
          or(wanted.containerName(), present.containerName()),
          or(wanted.containerInterfaceName(), present.containerInterface()),
          or(wanted.dockerEndpointId(), present.dockerEndpointId()),
          or(wanted.dockerNetworkId(), present.dockerNetworkId()),
          or(wanted.k8sUid(), present.podUid()),
          present.attachmentOnly() || wanted.disableLegacyIdentifiers());
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    }
  }

  private static String or(String changed, String present) {
    return changed.isEmpty() ? present : changed;
  }

  private static EndpointInterface device(EndpointChangeRequest wanted) {
    if (wanted.interfaceName().isEmpty() || wanted.interfaceIndex() <= 0) {
      throw new IllegalArgumentException(
          "interface-name and interface-index: wanted the device on the node's side");
    }
    if (wanted.interfaceIndex() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "interface-index " + wanted.interfaceIndex() + ": too large");
    }
    // Without the namespace's path, which is the client's: in a container it may name another file
    // than here, or none, and a restart would take the pod to be gone.
    return new EndpointInterface(
        wanted.interfaceName(),
        (int) wanted.interfaceIndex(),
        mac("host-mac", wanted.hostMac()),
        mac("mac", wanted.mac()),
        "");
  }

  private static MacAddress mac(String field, String text) {
    if (text.isEmpty()) {
      return NO_MAC;
    }
    MacAddress mac = MacAddress.parse(text);
    if (!mac.isOfADevice()) {
      throw new IllegalArgumentException(
          field + " " + mac + ": wanted the address of one device, neither zero nor multicast");
    }
    return mac;
  }

  private static List<IpAddress> addresses(@Nullable AddressPair pair) {
    List<IpAddress> addresses = new ArrayList<>();
    if (pair != null) {
      add(addresses, pair.ipv4(), IpFamily.IPV4);
      add(addresses, pair.ipv6(), IpFamily.IPV6);
    }
    return addresses;
  }

  /** Plugins that do without our IPAM hand over addresses with a prefix length. */
  private static void add(List<IpAddress> addresses, String text, IpFamily family) {
    if (text.isEmpty()) {
      return;
    }
    IpAddress address = address(text);
    if (address.family() != family) {
      throw new IllegalArgumentException("address " + address + ": wanted one of " + family);
    }
    addresses.add(address);
  }

  private static IpAddress address(String text) {
    int slash = text.indexOf('/');
    if (slash >= 0) {
      var _ = IpPrefix.parseLenient(text);
    }
    return IpAddress.parse(slash < 0 ? text : text.substring(0, slash));
  }

  private static AddressOwner owner(EndpointChangeRequest wanted) {
    var datapath = wanted.datapathConfiguration();
    return datapath != null && datapath.externalIpam() ? AddressOwner.OTHERS : AddressOwner.AGENT;
  }

  /** Names the deadlines of addresses that were taken with one. */
  private static Map<IpAddress, UUID> reservations(@Nullable AddressPair pair) {
    Map<IpAddress, UUID> all = new HashMap<>();
    if (pair != null) {
      reserve(all, pair.ipv4(), pair.ipv4ExpirationUuid());
      reserve(all, pair.ipv6(), pair.ipv6ExpirationUuid());
    }
    return all;
  }

  private static void reserve(Map<IpAddress, UUID> all, String address, String reservation) {
    if (address.isEmpty() || reservation.isEmpty()) {
      return;
    }
    try {
      all.put(address(address), UUID.fromString(reservation));
    } catch (IllegalArgumentException _) {
      throw new IllegalArgumentException("addressing: an expiration-uuid that is none");
    }
  }

  /** What cannot change must be absent in a change, or as it is. */
  static void checkUnchanged(Endpoint present, EndpointChangeRequest wanted) {
    try {
      boolean sameDevice =
          wanted.interfaceIndex() == 0 || wanted.interfaceIndex() == present.device().hostIfindex();
      boolean sameAddresses = present.addresses().containsAll(addresses(wanted.addressing()));
      boolean sameId = wanted.id() == 0 || wanted.id() == present.id();
      if (!sameDevice || !sameAddresses || !sameId) {
        throw Refusal.invalid("id, device and addresses of an endpoint cannot change");
      }
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    }
  }
}
