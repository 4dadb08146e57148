// SPDX-License-Identifier: Apache-2.0
package consumer;

import io.cilium4j.agent.Agent;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.FlowSinkProvider;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IpamMode;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import java.nio.file.Path;
import java.util.ServiceLoader;
import java.util.TreeSet;
import java.util.function.Function;

/** Says which implementations of each seam it finds, and runs an agent in the folder it is given. */
public final class AgentProgram {
  public static void main(String[] args) throws InterruptedException {
    System.out.println(
        "datapath "
            + names(ServiceLoader.load(DatapathProvider.class), DatapathProvider::name));
    System.out.println(
        "flow-sink " + names(ServiceLoader.load(FlowSinkProvider.class), FlowSinkProvider::name));
    System.out.println("ipam " + names(ServiceLoader.load(IpamMode.class), IpamMode::name));
    System.out.println(
        "identity-backend "
            + names(
                ServiceLoader.load(IdentityBackendProvider.class), IdentityBackendProvider::name));
    System.out.println(
        "source "
            + names(
                ServiceLoader.load(KubernetesSourceProvider.class),
                KubernetesSourceProvider::name));
    try (Agent agent =
        Agent.builder()
            .instance("artifact")
            .datapath("memory")
            .podCidrs("10.213.0.0/24")
            .stateFolder(Path.of(args[0], "state"))
            .manifests(Path.of(args[0]))
            .build()) {
      agent.start();
      System.out.println("running on " + agent.datapathName());
      System.out.println("enforced " + agent.applyPolicy(PolicyProgram.WEB).input());
      agent.destroy();
    }
  }

  private static <S> TreeSet<String> names(ServiceLoader<S> found, Function<S, String> name) {
    var names = new TreeSet<String>();
    found.forEach(each -> names.add(name.apply(each)));
    return names;
  }
}
