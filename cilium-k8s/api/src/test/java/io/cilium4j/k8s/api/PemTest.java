// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.tls.Pem;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Keys as OpenSSL and kubeadm write them. */
class PemTest {

  static String text(String file) throws IOException {
    try (InputStream in = Objects.requireNonNull(PemTest.class.getResourceAsStream(file), file)) {
      return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "rsa-pkcs1.pem, rsa.crt, SHA256withRSA",
    "rsa-pkcs8.pem, rsa.crt, SHA256withRSA",
    "ec-sec1.pem, ec.crt, SHA256withECDSA"
  })
  void privateKey_eachForm_belongsToItsCertificate(String file, String crt, String algorithm)
      throws IOException, GeneralSecurityException {
    PrivateKey key = Pem.privateKey(text(file));
    Certificate certificate = Pem.certificates(text(crt)).getFirst();
    byte[] data = {1, 2, 3};
    Signature signer = Signature.getInstance(algorithm);
    signer.initSign(key);
    signer.update(data);
    byte[] signed = signer.sign();
    Signature checker = Signature.getInstance(algorithm);
    checker.initVerify(certificate);
    checker.update(data);
    assertTrue(checker.verify(signed));
    var _ =
        Tls.context(
            Optional.of(text(crt)), false, Optional.of(new Tls.Identity(text(crt), text(file))));
  }

  @Test
  void privateKey_ofEdwardsCurve_isRead() throws IOException, GeneralSecurityException {
    assertEquals("EdDSA", Pem.privateKey(text("ed25519.pem")).getAlgorithm());
  }

  @Test
  void privateKey_encrypted_isRefusedInWords() throws IOException {
    String text = text("encrypted.pem");
    var e = assertThrows(GeneralSecurityException.class, () -> Pem.privateKey(text));
    assertEquals("the private key is encrypted: not read", e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "-----BEGIN EC PRIVATE KEY-----\n-----END EC PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\nMIIB\n-----END EC PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\nMP////8=\n-----END EC PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n????\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
      })
  void anything_broken_isAnExceptionOfOneKind(String text) {
    assertThrows(GeneralSecurityException.class, () -> Pem.privateKey(text));
    assertThrows(GeneralSecurityException.class, () -> Pem.certificates(text));
  }
}
