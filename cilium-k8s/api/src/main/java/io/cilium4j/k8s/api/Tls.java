// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.tls.Pem;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/** Makes what the JDK wants to know of certificates. */
final class Tls {
  private static final char[] NO_PASSWORD = {};

  /** A certificate with its key, both in PEM. */
  record Identity(String certificate, String key) {}

  private Tls() {}

  /**
   * A context.
   *
   * @param authority the certificates that sign servers', in PEM; absent for those of the JDK
   * @param isUnchecked whether any server is believed to be the right one
   * @param identity our own
   * @throws GeneralSecurityException if something of it cannot be read; the message says what
   */
  static SSLContext context(
      Optional<String> authority, boolean isUnchecked, Optional<Identity> identity)
      throws GeneralSecurityException {
    SSLContext context = SSLContext.getInstance("TLS");
    TrustManager @Nullable [] trust = null;
    if (isUnchecked) {
      trust = new TrustManager[] {new Believer()};
    } else if (authority.isPresent()) {
      TrustManagerFactory factory =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(authorities(authority.get()));
      trust = factory.getTrustManagers();
    }
    KeyManager @Nullable [] keys = null;
    if (identity.isPresent()) {
      KeyManagerFactory factory =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      factory.init(own(identity.get()), NO_PASSWORD);
      keys = factory.getKeyManagers();
    }
    context.init(keys, trust, null);
    return context;
  }

  private static KeyStore authorities(String pem) throws GeneralSecurityException {
    KeyStore store = empty();
    int number = 0;
    for (Certificate certificate : Pem.certificates(pem)) {
      store.setCertificateEntry("ca-" + number++, certificate);
    }
    return store;
  }

  private static KeyStore own(Identity identity) throws GeneralSecurityException {
    KeyStore store = empty();
    List<Certificate> chain = Pem.certificates(identity.certificate());
    store.setKeyEntry(
        "own", Pem.privateKey(identity.key()), NO_PASSWORD, chain.toArray(Certificate[]::new));
    return store;
  }

  private static KeyStore empty() throws GeneralSecurityException {
    try {
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      return store;
    } catch (IOException e) {
      throw new GeneralSecurityException("no store for certificates", e);
    }
  }

  /** Believes everybody, as {@code insecure-skip-tls-verify} asks for. */
  private static final class Believer extends X509ExtendedTrustManager {
    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, Socket socket) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, Socket socket) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, SSLEngine engine) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, SSLEngine engine) {}

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) {}

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) {}

    @Override
    public X509Certificate[] getAcceptedIssuers() {
      return new X509Certificate[0];
    }
  }
}
