// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.ClusterStoreProvider;
import io.cilium4j.k8s.api.ApiOptions;
import io.cilium4j.k8s.api.ApiStoreProvider;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

/** {@code cilium operator}. */
public final class Main {
  /** The operator could not start. */
  private static final int FAILED = 1;

  /** The options make no sense. */
  private static final int MISUSED = 2;

  private static final Duration DEFINITIONS_TIME = Duration.ofSeconds(30);

  private Main() {}

  /** Runs the operator until it is told to end. */
  public static void main(String[] args) throws InterruptedException {
    List<String> words =
        args.length > 0 && args[0].equals("operator")
            ? List.of(args).subList(1, args.length)
            : List.of(args);
    if (words.contains("--help") || words.contains("-h")) {
      System.out.print(OperatorOptions.help());
      return;
    }
    try {
      run(OperatorOptions.read(words, System.getenv()));
    } catch (IllegalArgumentException e) {
      System.err.println("cilium operator: " + e.getMessage());
      System.exit(MISUSED);
    } catch (ClusterStoreException | IOException e) {
      System.err.println("cilium operator: " + e.getMessage());
      System.exit(FAILED);
    }
  }

  private static void run(OperatorOptions options) throws IOException, InterruptedException {
    OperatorConfig config = options.config();
    ClusterStore store =
        options.isKubernetes()
            ? provider(ApiStoreProvider.NAME).open(options.kubernetes())
            : provider("directory").open(Map.of("path", options.text("cluster-store")));
    Optional<OperatorKubernetes> kubernetes =
        options.isKubernetes()
            ? Optional.of(
                new OperatorKubernetes(
                    ApiOptions.read(options.kubernetes(), Set.of()).connect(),
                    options.policies(),
                    !options.isOn("skip-crd-creation")))
            : Optional.empty();
    if (kubernetes.isPresent()) {
      kubernetes.get().awaitDefinitions(DEFINITIONS_TIME);
    }
    // Parts end in the reverse order: first what is asked, last what is written to.
    var operator = Operator.start(store, config, hostName() + "_" + UUID.randomUUID(), kubernetes);
    var server = StatusServer.start(options.text("operator-api-serve-addr"), operator, store);
    var end = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  server.close();
                  operator.close();
                  kubernetes.ifPresent(OperatorKubernetes::close);
                  store.close();
                  end.countDown();
                },
                "shutdown"));
    end.await();
  }

  private static ClusterStoreProvider provider(String name) {
    return ServiceLoader.load(ClusterStoreProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.name().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new ClusterStoreException("no cluster store named " + name + " is installed"));
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "operator";
    }
  }
}
