// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.observer.TestAuthority.Signed;
import io.cilium4j.datapath.observer.proto.ServerStatusRequest;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.ssl.SslContextBuilder;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The TCP address: who comes in, and what becomes of that when the files change. */
class ObserverTlsTest {
  private static final String SERVER = "node1.default.hubble-grpc.cilium.io";

  @TempDir Path folder;

  private final MultiThreadIoEventLoopGroup loop =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

  @SuppressWarnings("NullAway.Init") // Set before each test.
  private TestAuthority authority;

  private TlsFiles files = new TlsFiles(Path.of("-"), Path.of("-"), List.of(Path.of("-")));

  @BeforeEach
  void sign() throws Exception {
    authority = new TestAuthority(folder, "one");
    Signed own = authority.sign(SERVER);
    files = new TlsFiles(own.certificate(), own.key(), List.of(authority.certificate()));
  }

  @AfterEach
  void close() throws Exception {
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
  }

  private ObserverConfig config() {
    var log =
        new FlowLog(
            _ -> Optional.empty(),
            _ -> PolicyMatch.NONE,
            end -> new FlowParty(0, end.identity(), Labels.EMPTY, "", ""),
            _ -> true,
            15);
    return new ObserverConfig(
        log, new AgentNotes(), Map::of, "node1", "default", "test 1", Instant.now(), 4244, true);
  }

  private static InetSocketAddress freeAddress() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return new InetSocketAddress(InetAddress.getLoopbackAddress(), socket.getLocalPort());
    }
  }

  private SslContextBuilder client(TestAuthority believed) throws Exception {
    return GrpcSslContexts.forClient().trustManager(believed.certificate().toFile());
  }

  /** The server's version, asked over a connection of its own. */
  private String ask(InetSocketAddress address, SslContextBuilder client) throws Exception {
    ManagedChannel channel =
        NettyChannelBuilder.forAddress(address)
            .channelType(NioSocketChannel.class)
            .eventLoopGroup(loop)
            .sslContext(client.build())
            .overrideAuthority(SERVER)
            .build();
    try {
      return ask(channel);
    } finally {
      channel.shutdownNow();
      assertTrue(channel.awaitTermination(10, TimeUnit.SECONDS));
    }
  }

  private static String ask(ManagedChannel channel) {
    return ClientCalls.blockingUnaryCall(
            channel,
            Services.SERVER_STATUS,
            CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
            ServerStatusRequest.getDefaultInstance())
        .getVersion();
  }

  private void assertRefused(InetSocketAddress address, SslContextBuilder client) {
    Status status =
        assertThrows(StatusRuntimeException.class, () -> ask(address, client)).getStatus();
    assertEquals(Status.Code.UNAVAILABLE, status.getCode(), status.toString());
  }

  @Test
  void client_withACertificateOfTheAuthority_isServedAndOthersAreNot() throws Exception {
    Signed known = authority.sign("relay");
    var other = new TestAuthority(folder, "other");
    Signed stranger = other.sign("relay");
    InetSocketAddress address = freeAddress();
    try (var _ = ObserverServer.start(address, config(), files)) {
      assertEquals(
          "test 1",
          ask(
              address,
              client(authority).keyManager(known.certificate().toFile(), known.key().toFile())));
      assertRefused(address, client(authority));
      assertRefused(
          address,
          client(authority).keyManager(stranger.certificate().toFile(), stranger.key().toFile()));
      ManagedChannel plain =
          NettyChannelBuilder.forAddress(address)
              .channelType(NioSocketChannel.class)
              .eventLoopGroup(loop)
              .usePlaintext()
              .build();
      assertThrows(StatusRuntimeException.class, () -> ask(plain));
      plain.shutdownNow();
      assertTrue(plain.awaitTermination(10, TimeUnit.SECONDS));
    }
  }

  @Test
  void files_replaced_countFromTheNextConnectionOn() throws Exception {
    Signed former = authority.sign("relay");
    var next = new TestAuthority(folder, "next");
    Signed newer = next.sign("relay");
    Signed own = next.sign(SERVER);
    InetSocketAddress address = freeAddress();
    try (var _ = ObserverServer.start(address, config(), files)) {
      var before =
          client(authority).keyManager(former.certificate().toFile(), former.key().toFile());
      var after = client(next).keyManager(newer.certificate().toFile(), newer.key().toFile());
      assertEquals("test 1", ask(address, before));
      assertRefused(address, after);
      // Half of it: the key does not fit, and what was there before stays.
      String key = Files.readString(files.key());
      Files.writeString(files.key(), "nonsense");
      assertEquals("test 1", ask(address, before));
      Files.writeString(files.key(), key);
      new Signed(files.certificate(), files.key()).replaceBy(own);
      TestAuthority.move(next.certificate(), files.clientAuthorities().getFirst());
      assertEquals("test 1", ask(address, after));
      assertRefused(address, before);
    }
  }

  @Test
  void start_withAFileThatCannotBeRead_saysWhich() throws Exception {
    Path broken = Files.writeString(folder.resolve("broken.key"), "nothing");
    InetSocketAddress address = freeAddress();
    var wrong = new TlsFiles(files.certificate(), broken, files.clientAuthorities());
    var e = assertThrows(IOException.class, () -> ObserverServer.start(address, config(), wrong));
    assertEquals(broken + ": no private key in PEM", e.getMessage());
  }
}
