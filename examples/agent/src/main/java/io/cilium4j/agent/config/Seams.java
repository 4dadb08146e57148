// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import io.cilium4j.agent.AgentException;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.FlowSinkProvider;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IpamMode;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The seams of an agent, by the names of what is installed, which are looked for at its start. */
public final class Seams {
  private Seams() {}

  /** Where Kubernetes objects come from. */
  public static Seam<KubernetesSourceProvider> source(String name, Map<String, String> options) {
    return new Seam<>(
        () ->
            named(
                "source",
                ServiceLoader.load(KubernetesSourceProvider.class),
                KubernetesSourceProvider::name,
                name),
        options);
  }

  /** Where addresses come from. */
  public static Seam<IpamMode> ipam(String name, Map<String, String> options) {
    return new Seam<>(
        () -> named("ipam", ServiceLoader.load(IpamMode.class), IpamMode::name, name), options);
  }

  /** Where identities are kept. */
  public static Seam<IdentityBackendProvider> identities(String name, Map<String, String> options) {
    return new Seam<>(
        () ->
            named(
                "identity backend",
                ServiceLoader.load(IdentityBackendProvider.class),
                IdentityBackendProvider::name,
                name),
        options);
  }

  /** Where flows go. */
  public static Seam<FlowSinkProvider> flowSink(String name, Map<String, String> options) {
    return new Seam<>(
        () ->
            named(
                "flow sink",
                ServiceLoader.load(FlowSinkProvider.class),
                FlowSinkProvider::name,
                name),
        options);
  }

  /** A sink that is there. */
  public static Seam<FlowSinkProvider> flowSink(FlowSink sink) {
    return new Seam<>(
        () ->
            new FlowSinkProvider() {
              @Override
              public String name() {
                return sink.getClass().getName();
              }

              @Override
              public FlowSink open(Map<String, String> options) {
                return sink;
              }
            },
        Map.of());
  }

  private static <S> S named(
      String seam, ServiceLoader<S> loader, Function<S, String> nameOf, String wanted) {
    return loader.stream()
        .map(ServiceLoader.Provider::get)
        .filter(each -> nameOf.apply(each).equals(wanted))
        .findFirst()
        .orElseThrow(() ->
            new AgentException(
                seam
                    + " "
                    + wanted
                    + ": no such implementation is installed; there are "
                    + loader.stream()
                        .map(each -> nameOf.apply(each.get()))
                        .sorted()
                        .collect(Collectors.joining(", "))));
  }
}
