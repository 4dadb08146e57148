// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

/** The measurements by name. */
public final class Benchmarks {

  private Benchmarks() {}

  /** Runs those that are named and prints their tables. */
  public static void main(String[] names) {
    for (String name : names) {
      switch (name) {
        case "load" -> LoadBenchmark.run(System.out);
        case "packet" -> PacketBenchmark.run(System.out);
        case "flows" -> FlowsBenchmark.run(System.out);
        case "churn" -> ChurnBenchmark.run(System.out);
        case "new-flow" -> NewFlowBenchmark.run(System.out);
        case "throughput" -> ThroughputBenchmark.run(System.out);
        case "nodes" -> NodesBenchmark.run(System.out);
        case "observer" -> ObserverBenchmark.run(System.out);
        case "events" -> EventsBenchmark.run(System.out);
        case "requests" -> RequestsBenchmark.run(System.out);
        case "services" -> ServicesBenchmark.run(System.out);
        case "maglev" -> MaglevBenchmark.run(System.out);
        case "edge" -> EdgeBenchmark.run(System.out);
        case "policy-maps" -> PolicyMapBenchmark.run(System.out);
        case "endpoints" -> EndpointBenchmark.run(System.out);
        case "policy-cluster" -> PolicyClusterBenchmark.run(System.out);
        case "policy-growth" -> PolicyGrowthBenchmark.run(System.out);
        case "policy-changes" -> PolicyChangesBenchmark.run(System.out);
        default -> {
          System.err.println("no measurement \"" + name + "\"");
          System.exit(2);
        }
      }
    }
  }
}
