// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.spi.DatapathProvider;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;

/**
 * Where a run takes place.
 *
 * @param folder the folder of its files
 * @param datapath the name of the datapath to ask the agent for
 * @param packets whether packets can be sent
 * @param because why it is this one; empty where the datapath itself says it
 */
record Venue(DemoFolder folder, String datapath, boolean packets, String because) {

  /** On the machine itself. */
  static Venue privileged(String datapath) {
    return new Venue(DemoFolder.ofRoot(), datapath, true, "");
  }

  /** Inside a user namespace, with the folder that the process outside chose. */
  static Venue inside(Path folder, String datapath) {
    return new Venue(
        DemoFolder.at(folder),
        datapath,
        true,
        "in a user namespace of its own, since this user is not root");
  }

  /** Nowhere. */
  static Venue nothing(String datapath) {
    if (!datapath.equals("auto")) {
      throw new DemoException(
          "datapath " + datapath + ": pods cannot be made here; it takes root or user namespaces");
    }
    return new Venue(
        DemoFolder.ofUser(),
        AskedDatapathProvider.NAME,
        false,
        "this user is not root, and the kernel gives him no user namespace");
  }

  /**
   * The datapath of several nodes, whose agents are processes of their own and are told by name.
   *
   * @throws DemoException if it cannot run here
   */
  DatapathProvider datapathOnNodes() {
    List<DatapathProvider> usable =
        ServiceLoader.load(DatapathProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(each -> !each.name().equals(AskedDatapathProvider.NAME))
            .filter(each -> datapath.equals("auto") || each.name().equals(datapath))
            .filter(each -> each.probe().usable())
            .sorted(Comparator.comparing(DatapathProvider::name)) // ebpf before memory
            .toList();
    if (usable.isEmpty()) {
      throw new DemoException("datapath " + datapath + ": it cannot run here");
    }
    return usable.getFirst();
  }

  /** Which datapath runs, and why. */
  String firstLine(String name, String description) {
    if (!packets) {
      return "No packet is sent: " + because + ". The policy engine is asked instead.";
    }
    return "Datapath "
        + name
        + (because.isEmpty() ? "" : ", " + because)
        + ": "
        + description
        + ".";
  }
}
