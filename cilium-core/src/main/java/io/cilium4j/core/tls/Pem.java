// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.tls;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Certificates and private keys in PEM. Keys may be in PKCS#8, which the JDK reads, and in PKCS#1
 * (RSA) and SEC1 (EC), which are put into the envelope of PKCS#8 first (RFC 5208, 5915, 8017).
 */
public final class Pem {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \\1-----");

  private static final int INTEGER = 0x02;
  private static final int OCTET_STRING = 0x04;
  private static final int OBJECT_ID = 0x06;
  private static final int SEQUENCE = 0x30;

  /** The curve in a key of SEC1. */
  private static final int PARAMETERS = 0xa0;

  private static final byte[] VERSION_0 = {INTEGER, 1, 0};

  /** rsaEncryption with no parameters. */
  private static final byte[] RSA = {
    SEQUENCE,
    13,
    OBJECT_ID,
    9,
    0x2a,
    (byte) 0x86,
    0x48,
    (byte) 0x86,
    (byte) 0xf7,
    0x0d,
    1,
    1,
    1,
    5,
    0
  };

  /** id-ecPublicKey. */
  private static final byte[] EC = {OBJECT_ID, 7, 0x2a, (byte) 0x86, 0x48, (byte) 0xce, 0x3d, 2, 1};

  private Pem() {}

  /**
   * Every certificate of a text.
   *
   * @throws GeneralSecurityException if there is none, or one cannot be read
   */
  public static List<Certificate> certificates(String text) throws GeneralSecurityException {
    var found = new ArrayList<Certificate>();
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    Matcher block = BLOCK.matcher(text);
    while (block.find()) {
      if (block.group(1).equals("CERTIFICATE")) {
        found.add(factory.generateCertificate(new ByteArrayInputStream(bytes(block))));
      }
    }
    if (found.isEmpty()) {
      throw new GeneralSecurityException("no certificate in PEM");
    }
    return found;
  }

  /**
   * The private key of a text.
   *
   * @throws GeneralSecurityException if there is none, or it cannot be read
   */
  public static PrivateKey privateKey(String text) throws GeneralSecurityException {
    Matcher block = BLOCK.matcher(text);
    while (block.find()) {
      switch (block.group(1)) {
        case "PRIVATE KEY" -> {
          return key(bytes(block));
        }
        case "RSA PRIVATE KEY" -> {
          refuseEncrypted(block);
          return key(der(SEQUENCE, VERSION_0, RSA, der(OCTET_STRING, bytes(block))));
        }
        case "EC PRIVATE KEY" -> {
          refuseEncrypted(block);
          byte[] key = bytes(block);
          byte[] algorithm = der(SEQUENCE, EC, curve(key));
          return key(der(SEQUENCE, VERSION_0, algorithm, der(OCTET_STRING, key)));
        }
        case "ENCRYPTED PRIVATE KEY" ->
            throw new GeneralSecurityException("the private key is encrypted: not read");
        default -> {} // Certificates, and a curve's name beside a key that has it as well.
      }
    }
    throw new GeneralSecurityException("no private key in PEM");
  }

  private static void refuseEncrypted(Matcher block) throws GeneralSecurityException {
    if (block.group(2).contains("ENCRYPTED")) {
      throw new GeneralSecurityException("the private key is encrypted: not read");
    }
  }

  private static byte[] bytes(Matcher block) throws GeneralSecurityException {
    try {
      return Base64.getMimeDecoder().decode(block.group(2));
    } catch (IllegalArgumentException e) {
      throw new GeneralSecurityException(block.group(1) + ": not base64", e);
    }
  }

  /** The JDK tells the algorithm only by trying. */
  private static PrivateKey key(byte[] pkcs8) throws GeneralSecurityException {
    GeneralSecurityException last = new GeneralSecurityException("private key: not known");
    for (String algorithm : List.of("RSA", "EC", "EdDSA")) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
      } catch (GeneralSecurityException e) {
        last = new GeneralSecurityException("private key: neither RSA nor EC nor EdDSA", e);
      }
    }
    throw last;
  }

  /** The name of the curve, as it stands in the key: {@code [0] OBJECT IDENTIFIER}. */
  private static byte[] curve(byte[] sec1) throws GeneralSecurityException {
    int at = content(sec1, 0);
    while (at < sec1.length) {
      int begin = content(sec1, at);
      int end = begin + length(sec1, at);
      if (end > sec1.length) {
        break;
      }
      if ((sec1[at] & 0xff) == PARAMETERS) {
        byte[] curve = new byte[end - begin];
        System.arraycopy(sec1, begin, curve, 0, curve.length);
        return curve;
      }
      at = end;
    }
    throw new GeneralSecurityException("private key: its curve is not named");
  }

  /** Where the content of the value begins that stands at {@code at}. */
  private static int content(byte[] der, int at) throws GeneralSecurityException {
    int first = at + 1 < der.length ? der[at + 1] & 0xff : 0x80;
    if (first == 0x80 || first > 0x82) {
      throw new GeneralSecurityException("private key: not DER");
    }
    return at + 2 + (first > 0x80 ? first - 0x80 : 0);
  }

  private static int length(byte[] der, int at) throws GeneralSecurityException {
    int begin = content(der, at);
    if (begin > der.length) {
      throw new GeneralSecurityException("private key: not DER");
    }
    int length = begin == at + 2 ? der[at + 1] & 0xff : 0;
    for (int i = at + 2; i < begin; i++) {
      length = (length << 8) | (der[i] & 0xff);
    }
    return length;
  }

  private static byte[] der(int tag, byte[]... parts) {
    int length = 0;
    for (byte[] part : parts) {
      length += part.length;
    }
    var out = new ByteArrayOutputStream();
    out.write(tag);
    if (length >= 0x80) {
      out.write(length > 0xff ? 0x82 : 0x81);
    }
    if (length > 0xff) {
      out.write(length >> 8);
    }
    out.write(length);
    for (byte[] part : parts) {
      out.writeBytes(part);
    }
    return out.toByteArray();
  }
}
