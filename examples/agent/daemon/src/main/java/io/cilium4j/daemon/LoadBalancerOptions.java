// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.LoadBalancing;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.daemon.DaemonOption.Adder;
import io.cilium4j.daemon.DaemonOption.Group;
import io.cilium4j.daemon.DaemonOption.Kind;

/** Options that say how backends are chosen for clients outside of the cluster. */
final class LoadBalancerOptions {
  private static final String ALGORITHM = "bpf-lb-algorithm";
  private static final String ANNOTATION = "bpf-lb-algorithm-annotation";
  private static final String TABLE_SIZE = "bpf-lb-maglev-table-size";
  private static final String SEED = "bpf-lb-maglev-hash-seed";

  private LoadBalancerOptions() {}

  static void addTo(Adder all) {
    Group group = Group.DATAPATH;
    MaglevParameters maglev = MaglevParameters.DEFAULT;
    all.add(
        group,
        ALGORITHM,
        Kind.TEXT,
        "random",
        "how backends are chosen for clients outside the cluster: random or maglev",
        "random",
        "maglev");
    all.add(
        group,
        ANNOTATION,
        Kind.TRUTH,
        "false",
        "heed the annotation service.cilium.io/lb-algorithm of services");
    all.add(
        group,
        TABLE_SIZE,
        Kind.NUMBER,
        String.valueOf(maglev.tableSize()),
        "slots of a Maglev table, the same on every node",
        MaglevParameters.TABLE_SIZES.stream().map(String::valueOf).toArray(String[]::new));
    all.add(
        group,
        SEED,
        Kind.TEXT,
        maglev.hashSeed(),
        "12 bytes in base64 that Maglev hashes begin with, the same on every node");
  }

  /**
   * What they ask for.
   *
   * @throws OptionException if the seed is none
   */
  static LoadBalancing read(DaemonSettings settings) {
    String seed = settings.text(SEED);
    if (!MaglevParameters.isSeed(seed)) {
      throw new OptionException(
          SEED + ": \"" + seed + "\": wanted " + MaglevParameters.SEED_BYTES + " bytes in base64");
    }
    return new LoadBalancing(
        LoadBalancerAlgorithm.tryParse(settings.text(ALGORITHM)).orElseThrow(),
        settings.isOn(ANNOTATION),
        new MaglevParameters(settings.number(TABLE_SIZE), seed));
  }
}
