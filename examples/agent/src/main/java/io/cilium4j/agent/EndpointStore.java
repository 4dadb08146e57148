// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Endpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The endpoints that outlive the process: one file each in the state folder. */
final class EndpointStore {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointStore.class);

  private static final String SUFFIX = ".json";

  private final StateFolder folder;

  EndpointStore(StateFolder folder) {
    this.folder = folder;
  }

  private Path file(int id) {
    return folder.endpoints().resolve(id + SUFFIX);
  }

  /** An endpoint as it was kept. */
  record Kept(Endpoint endpoint, EndpointDetails details) {}

  /** Keeps an endpoint, in place of what was kept of it before. */
  void put(Endpoint endpoint, EndpointDetails details) {
    try {
      folder.write(file(endpoint.id()), EndpointFile.write(new Kept(endpoint, details)));
    } catch (IOException e) {
      throw new AgentException(
          "write state of endpoint " + endpoint.podName() + ": " + e.getMessage(), e);
    }
  }

  /** Forgets an endpoint; no error if nothing is known of it. */
  void remove(int id) {
    try {
      folder.delete(file(id));
    } catch (IOException e) {
      throw new AgentException("remove state of endpoint " + id + ": " + e.getMessage(), e);
    }
  }

  /** Every endpoint that can be read. One that cannot is told in the log and set aside. */
  List<Kept> load() {
    var endpoints = new ArrayList<Kept>();
    for (Path file : StateFolder.list(folder.endpoints(), SUFFIX)) {
      try {
        Kept kept = EndpointFile.read(StateFolder.read(file));
        if (!file.equals(file(kept.endpoint().id()))) {
          throw new IllegalArgumentException("it holds endpoint " + kept.endpoint().id());
        }
        endpoints.add(kept);
      } catch (IOException | IllegalArgumentException e) {
        LOG.warn("endpoint state lost file={} error=\"{}\"", file, e.getMessage());
        StateFolder.setAside(file);
      }
    }
    return endpoints;
  }

  /** Keeps what is kept of an endpoint out of the next start's way. */
  void setAside(int id) {
    StateFolder.setAside(file(id));
  }
}
