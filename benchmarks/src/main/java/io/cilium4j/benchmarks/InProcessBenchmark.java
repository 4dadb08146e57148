// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.datapath.proxy.PolicyHandler;
import io.cilium4j.policy.Party;
import io.cilium4j.policy.PolicySet;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.ServicePolicy;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it costs a Netty server to have each request decided inside of it: a request's head through
 * {@link PolicyHandler} to the next handler, with three rules of which the last one matches, and
 * who calls looked up by address.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 10, time = 300, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 20, time = 300, timeUnit = TimeUnit.MILLISECONDS)
public class InProcessBenchmark {
  private static final String POLICY =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: rule1, namespace: default}
      spec:
        endpointSelector: {matchLabels: {class: deathstar}}
        ingress:
        - fromEndpoints: [{matchLabels: {org: empire}}]
          toPorts:
          - ports: [{port: "80", protocol: TCP}]
            rules:
              http:
              - {method: GET, path: /v1/status}
              - {method: GET, path: "/v1/ships/[0-9]+"}
              - {method: POST, path: /v1/request-landing}
      """;

  private EmbeddedChannel guarded = new EmbeddedChannel();
  private EmbeddedChannel open = new EmbeddedChannel();
  private HttpRequest request =
      new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/v1/request-landing");
  private int reached;

  /** JMH makes it. */
  public InProcessBenchmark() {}

  /** Makes the channels. */
  @Setup
  public void make() {
    request.headers().set("Host", "deathstar").set("Content-Length", "0");
    var policy =
        new ServicePolicy(
            PolicySet.parse(POLICY, "rule1.yaml"),
            Party.pod("default", "class=deathstar"),
            PortProtocol.tcp(80),
            _ -> CALLER);
    open = channel();
    guarded = channel();
    guarded
        .pipeline()
        .addFirst(
            new PolicyHandler(
                policy::matcher,
                denial -> {
                  throw new IllegalStateException(denial.toString());
                }));
  }

  private static final Party CALLER = Party.pod("default", "org=empire");

  private EmbeddedChannel channel() {
    var server =
        new ChannelInboundHandlerAdapter() {
          @Override
          public void channelRead(ChannelHandlerContext ctx, Object message) {
            reached++;
          }
        };
    return new EmbeddedChannel(server) {
      @Override
      protected SocketAddress remoteAddress0() {
        return new InetSocketAddress("192.0.2.1", 1234);
      }
    };
  }

  /** With the handler. */
  @Benchmark
  public int guarded() {
    guarded.pipeline().fireChannelRead(request);
    return reached;
  }

  /** Without it, which is what the pipeline costs. */
  @Benchmark
  public int unguarded() {
    open.pipeline().fireChannelRead(request);
    return reached;
  }
}
