// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.tls.Pem;
import io.grpc.netty.GrpcSslContexts;
import io.netty.buffer.ByteBufAllocator;
import io.netty.handler.ssl.ApplicationProtocolNegotiator;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLSessionContext;
import javax.net.ssl.TrustManagerFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * TLS 1.3 with certificates of both sides, by files that may change: each connection is served by
 * what stands in them at that moment, or did when they could be read last. Safe for use by several
 * threads.
 */
final class FollowedTls extends SslContext {
  private static final Logger LOG = LoggerFactory.getLogger(FollowedTls.class);

  private static final char[] NO_PASSWORD = {};

  private final TlsFiles files;
  private volatile Loaded loaded;

  /** What was read, and of which files. */
  private record Loaded(List<Stamp> stamps, SslContext context) {}

  /** Tells a file from the one that stands in its place later. */
  private record Stamp(Object key, long modifiedNanos, long bytes) {
    static Stamp of(Path path) throws IOException {
      var now = Files.readAttributes(path, BasicFileAttributes.class);
      return new Stamp(
          Objects.requireNonNullElse(now.fileKey(), path),
          now.lastModifiedTime().to(TimeUnit.NANOSECONDS),
          now.size());
    }
  }

  /**
   * Reads the files.
   *
   * @throws IOException with a line that names the file if one cannot be read
   */
  FollowedTls(TlsFiles files) throws IOException {
    this.files = files;
    this.loaded = load(stamps());
  }

  private List<Stamp> stamps() throws IOException {
    var stamps = new ArrayList<Stamp>();
    stamps.add(Stamp.of(files.certificate()));
    stamps.add(Stamp.of(files.key()));
    for (Path each : files.clientAuthorities()) {
      stamps.add(Stamp.of(each));
    }
    return stamps;
  }

  private SslContext current() {
    Loaded known = loaded;
    try {
      List<Stamp> now = stamps();
      if (!now.equals(known.stamps())) {
        known = load(now);
        loaded = known;
        LOG.info("certificates read again certificate={}", files.certificate());
      }
    } catch (IOException e) {
      // Between two writes of somebody who replaces several files, or for good.
      LOG.warn("certificates not read, the former ones stay error=\"{}\"", e.getMessage());
    }
    return known.context();
  }

  private Loaded load(List<Stamp> stamps) throws IOException {
    try {
      KeyStore own = store();
      List<Certificate> chain = certificates(files.certificate());
      own.setKeyEntry("own", key(files.key()), NO_PASSWORD, chain.toArray(Certificate[]::new));
      var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(own, NO_PASSWORD);
      KeyStore authorities = store();
      for (Path file : files.clientAuthorities()) {
        for (Certificate each : certificates(file)) {
          authorities.setCertificateEntry("ca-" + authorities.size(), each);
        }
      }
      var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(authorities);
      return new Loaded(
          stamps,
          GrpcSslContexts.configure(SslContextBuilder.forServer(keys), SslProvider.JDK)
              .trustManager(trust)
              .clientAuth(ClientAuth.REQUIRE)
              .protocols("TLSv1.3")
              .build());
    } catch (GeneralSecurityException e) {
      throw new IOException(files.certificate() + ": " + e.getMessage(), e);
    }
  }

  private static List<Certificate> certificates(Path file) throws IOException {
    try {
      return Pem.certificates(Files.readString(file));
    } catch (GeneralSecurityException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  private static PrivateKey key(Path file) throws IOException {
    try {
      return Pem.privateKey(Files.readString(file));
    } catch (GeneralSecurityException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  private static KeyStore store() throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    return store;
  }

  @Override
  public boolean isClient() {
    return false;
  }

  @Override
  public List<String> cipherSuites() {
    return loaded.context().cipherSuites();
  }

  @Override
  @SuppressWarnings("deprecation") // Netty declares it so, and gRPC asks for it.
  public ApplicationProtocolNegotiator applicationProtocolNegotiator() {
    return loaded.context().applicationProtocolNegotiator();
  }

  @Override
  public SSLEngine newEngine(ByteBufAllocator allocator) {
    return current().newEngine(allocator);
  }

  @Override
  public SSLEngine newEngine(ByteBufAllocator allocator, String host, int port) {
    return current().newEngine(allocator, host, port);
  }

  @Override
  public SSLSessionContext sessionContext() {
    return loaded.context().sessionContext();
  }
}
