// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What grpc-java sees through the proxy is what it sees without it. */
@Timeout(120)
class GrpcIT {
  private static final Metadata.Key<String> TRAILER =
      Metadata.Key.of("x-trailer", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> HEADER =
      Metadata.Key.of("x-header", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<byte[]> BINARY =
      Metadata.Key.of("x-bytes-bin", Metadata.BINARY_BYTE_MARSHALLER);

  private static final Marshaller<String> TEXT =
      new Marshaller<>() {
        @Override
        public InputStream stream(String value) {
          return new ByteArrayInputStream(value.getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public String parse(InputStream stream) {
          try {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        }
      };

  private static final MethodDescriptor<String, String> ECHO = method("Echo", MethodType.UNARY);
  private static final MethodDescriptor<String, String> FAIL = method("Fail", MethodType.UNARY);
  private static final MethodDescriptor<String, String> HANG = method("Hang", MethodType.UNARY);
  private static final MethodDescriptor<String, String> COUNT =
      method("Count", MethodType.SERVER_STREAMING);
  private static final MethodDescriptor<String, String> JOIN =
      method("Join", MethodType.CLIENT_STREAMING);
  private static final MethodDescriptor<String, String> TALK =
      method("Talk", MethodType.BIDI_STREAMING);
  private static final MethodDescriptor<String, String> SECRET =
      MethodDescriptor.<String, String>newBuilder(TEXT, TEXT)
          .setType(MethodType.UNARY)
          .setFullMethodName("shop.Admin/Echo")
          .build();

  private Server server;
  private ProxyHarness harness;
  private ManagedChannel direct;
  private ManagedChannel proxied;

  /** Counted down when the server hears that a call of {@code Hang} is not wanted any more. */
  private final AtomicReference<CountDownLatch> cancelled =
      new AtomicReference<>(new CountDownLatch(1));

  private final AtomicReference<CountDownLatch> begun =
      new AtomicReference<>(new CountDownLatch(1));

  private static MethodDescriptor<String, String> method(String name, MethodType type) {
    return MethodDescriptor.<String, String>newBuilder(TEXT, TEXT)
        .setType(type)
        .setFullMethodName("shop.Orders/" + name)
        .build();
  }

  @BeforeEach
  void start() throws IOException {
    server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .addService(orders())
            .addService(
                ServerServiceDefinition.builder("shop.Admin")
                    .addMethod(SECRET, ServerCalls.asyncUnaryCall(GrpcIT::echo))
                    .build())
            .intercept(new Trailers())
            .build()
            .start();
    var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), server.getPort());
    RequestMatcher rules =
        ProxyHarness.rules(new HttpRule("/shop\\.Orders/.*", "POST", "", List.of(), List.of()));
    harness = new ProxyHarness(address, rules);
    direct = NettyChannelBuilder.forAddress(address).usePlaintext().build();
    proxied = NettyChannelBuilder.forAddress(harness.address()).usePlaintext().build();
  }

  @AfterEach
  void stop() throws InterruptedException {
    for (ManagedChannel each : List.of(direct, proxied)) {
      each.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    }
    harness.close();
    server.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
  }

  /** Sends the caller's headers back, the binary ones as trailers. */
  private static final class Trailers implements io.grpc.ServerInterceptor {
    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, A> call, Metadata headers, ServerCallHandler<Q, A> next) {
      return next.startCall(
          new io.grpc.ForwardingServerCall.SimpleForwardingServerCall<>(call) {
            @Override
            public void sendHeaders(Metadata own) {
              if (headers.containsKey(HEADER)) {
                own.put(HEADER, headers.get(HEADER));
              }
              super.sendHeaders(own);
            }

            @Override
            public void close(Status status, Metadata trailers) {
              trailers.put(TRAILER, "end");
              if (headers.containsKey(BINARY)) {
                trailers.put(BINARY, headers.get(BINARY));
              }
              super.close(status, trailers);
            }
          },
          headers);
    }
  }

  private ServerServiceDefinition orders() {
    return ServerServiceDefinition.builder("shop.Orders")
        .addMethod(ECHO, ServerCalls.asyncUnaryCall(GrpcIT::echo))
        .addMethod(
            FAIL,
            ServerCalls.asyncUnaryCall((code, answer) ->
                answer.onError(
                    Status.fromCode(Status.Code.valueOf(code))
                        .withDescription("because: äöü %")
                        .asRuntimeException())))
        .addMethod(
            HANG,
            ServerCalls.asyncUnaryCall((_, answer) -> {
              CountDownLatch heard = cancelled.get();
              ((ServerCallStreamObserver<String>) answer).setOnCancelHandler(heard::countDown);
              begun.get().countDown();
            }))
        .addMethod(
            COUNT,
            ServerCalls.asyncServerStreamingCall((to, answer) -> {
              for (int i = 0; i < Integer.parseInt(to); i++) {
                answer.onNext(Integer.toString(i));
              }
              answer.onCompleted();
            }))
        .addMethod(
            JOIN,
            ServerCalls.asyncClientStreamingCall(answer ->
                new Each(answer) {
                  private final StringBuilder all = new StringBuilder();

                  @Override
                  public void onNext(String value) {
                    all.append(value);
                  }

                  @Override
                  public void onCompleted() {
                    answer.onNext(all.toString());
                    answer.onCompleted();
                  }
                }))
        .addMethod(
            TALK,
            ServerCalls.asyncBidiStreamingCall(answer ->
                new Each(answer) {
                  @Override
                  public void onNext(String value) {
                    answer.onNext(value + "!");
                  }

                  @Override
                  public void onCompleted() {
                    answer.onCompleted();
                  }
                }))
        .build();
  }

  private static void echo(String text, StreamObserver<String> answer) {
    answer.onNext(text);
    answer.onCompleted();
  }

  /** What a client sends, with what follows its end. */
  private abstract static class Each implements StreamObserver<String> {
    private final StreamObserver<String> answer;

    Each(StreamObserver<String> answer) {
      this.answer = answer;
    }

    @Override
    public void onError(Throwable cause) {
      answer.onError(cause);
    }
  }

  /** The same outcome without the proxy and through it; that outcome. */
  private String same(Function<ManagedChannel, String> call) {
    String without = outcome(call, direct);
    assertEquals(without, outcome(call, proxied));
    return without;
  }

  private static String outcome(Function<ManagedChannel, String> call, ManagedChannel channel) {
    try {
      return call.apply(channel);
    } catch (StatusRuntimeException e) {
      Metadata trailers = e.getTrailers();
      return e.getStatus().getCode()
          + " "
          + e.getStatus().getDescription()
          + " "
          + (trailers == null ? "" : trailers.get(TRAILER));
    }
  }

  private static String unary(
      io.grpc.Channel channel, MethodDescriptor<String, String> method, String request) {
    return ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, request);
  }

  @Test
  void unary_smallAndLarge_seesTheSame() {
    assertEquals("hello", same(channel -> unary(channel, ECHO, "hello")));
    String large = "0123456789abcdef".repeat(1 << 17);
    assertEquals(large, same(channel -> unary(channel, ECHO, large)));
    assertEquals("", same(channel -> unary(channel, ECHO, "")));
  }

  @Test
  void metadata_bothWays_seesTheSame() {
    String seen =
        same(channel -> {
          var headers = new AtomicReference<Metadata>();
          var trailers = new AtomicReference<Metadata>();
          var own = new Metadata();
          own.put(HEADER, "a, b");
          own.put(BINARY, new byte[] {0, 1, (byte) 0xff});
          io.grpc.Channel with =
              ClientInterceptors.intercept(
                  channel,
                  MetadataUtils.newAttachHeadersInterceptor(own),
                  MetadataUtils.newCaptureMetadataInterceptor(headers, trailers));
          unary(with, ECHO, "x");
          return headers.get().get(HEADER)
              + " "
              + trailers.get().get(TRAILER)
              + " "
              + Arrays.toString(trailers.get().get(BINARY));
        });
    assertEquals("a, b end [0, 1, -1]", seen);
  }

  @Test
  void statuses_ofEveryCode_seeTheSame() {
    for (Status.Code code : Status.Code.values()) {
      if (code != Status.Code.OK) {
        assertEquals(
            code + " because: äöü % end", same(channel -> unary(channel, FAIL, code.name())));
      }
    }
    assertTrue(
        same(channel -> unary(channel, method("None", MethodType.UNARY), ""))
            .startsWith("UNIMPLEMENTED "));
  }

  @Test
  void serverStreaming_ofManyMessages_seesTheSame() {
    String seen =
        same(channel -> {
          Iterator<String> all =
              ClientCalls.blockingServerStreamingCall(channel, COUNT, CallOptions.DEFAULT, "20000");
          int number = 0;
          for (; all.hasNext(); number++) {
            assertEquals(Integer.toString(number), all.next());
          }
          return Integer.toString(number);
        });
    assertEquals("20000", seen);
  }

  @Test
  void clientStreaming_ofManyMessages_seesTheSame() {
    String seen =
        same(channel -> {
          var answer = new Answers();
          StreamObserver<String> requests =
              ClientCalls.asyncClientStreamingCall(
                  channel.newCall(JOIN, CallOptions.DEFAULT), answer);
          for (int i = 0; i < 5_000; i++) {
            requests.onNext(i % 10 + "");
          }
          requests.onCompleted();
          return String.join("", answer.all.join());
        });
    assertEquals("0123456789".repeat(500), seen);
  }

  @Test
  void bidirectional_turnByTurn_seesTheSame() {
    String seen =
        same(channel -> {
          var answer = new Answers();
          StreamObserver<String> requests =
              ClientCalls.asyncBidiStreamingCall(
                  channel.newCall(TALK, CallOptions.DEFAULT), answer);
          for (int i = 0; i < 100; i++) {
            requests.onNext("m" + i);
            answer.awaitNumber(i + 1); // The server answers before it is asked again.
          }
          requests.onCompleted();
          return answer.all.join().getLast();
        });
    assertEquals("m99!", seen);
  }

  @Test
  void deadline_thatPasses_endsTheCallAtBothEnds() throws InterruptedException {
    for (ManagedChannel channel : List.of(direct, proxied)) {
      cancelled.set(new CountDownLatch(1));
      CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(300, TimeUnit.MILLISECONDS);
      String outcome =
          outcome(each -> ClientCalls.blockingUnaryCall(each, HANG, options, ""), channel);
      assertTrue(outcome.startsWith("DEADLINE_EXCEEDED "), outcome);
      assertTrue(cancelled.get().await(20, TimeUnit.SECONDS), "the server hears of it");
    }
  }

  @Test
  void cancel_duringACall_reachesTheServer() throws InterruptedException {
    for (ManagedChannel channel : List.of(direct, proxied)) {
      cancelled.set(new CountDownLatch(1));
      begun.set(new CountDownLatch(1));
      ClientCall<String, String> call = channel.newCall(HANG, CallOptions.DEFAULT);
      var answer = new Answers();
      ClientCalls.asyncUnaryCall(call, "", answer);
      assertTrue(begun.get().await(20, TimeUnit.SECONDS));
      call.cancel("enough", null);
      assertTrue(cancelled.get().await(20, TimeUnit.SECONDS), "the server hears of it");
      assertEquals("hello", unary(channel, ECHO, "hello"), "the connection is as it was");
    }
  }

  @Test
  void call_denied_isPermissionDeniedAndTheConnectionStays() {
    assertEquals("x", outcome(each -> unary(each, SECRET, "x"), direct));
    for (int i = 0; i < 10; i++) {
      String refused = outcome(each -> unary(each, SECRET, "x"), proxied);
      assertTrue(refused.startsWith("PERMISSION_DENIED "), refused);
      assertEquals("x", unary(proxied, ECHO, "x"));
    }
    assertEquals(1, harness.proxy().connections());
  }

  /** What a server sent, once it is all there. */
  private static final class Answers implements StreamObserver<String> {
    final CompletableFuture<List<String>> all = new CompletableFuture<>();
    private final List<String> got = new ArrayList<>();

    @Override
    public synchronized void onNext(String value) {
      got.add(value);
      notifyAll();
    }

    synchronized void awaitNumber(int wanted) {
      try {
        while (got.size() < wanted && !all.isDone()) {
          wait(20_000);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void onError(Throwable cause) {
      all.completeExceptionally(cause);
    }

    @Override
    public synchronized void onCompleted() {
      all.complete(List.copyOf(got));
    }
  }
}
