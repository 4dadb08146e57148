// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** Signs certificates, by keytool, and writes them in PEM. */
final class TestAuthority {
  private static final String PASSWORD = "changeit";

  private final Path folder;
  private final Path store;

  /** A certificate with its key. */
  record Signed(Path certificate, Path key) {

    /** Puts another pair in the place of this one. */
    void replaceBy(Signed other) throws Exception {
      move(other.certificate, certificate);
      move(other.key, key);
    }
  }

  TestAuthority(Path folder, String name) throws Exception {
    this.folder = folder;
    this.store = folder.resolve(name + ".p12");
    generate("ca", "CN=" + name, "-ext", "bc:c=ca:true");
  }

  /** Puts a copy of a file in another's place at once. */
  static void move(Path from, Path to) throws Exception {
    Path copy = to.resolveSibling(to.getFileName() + ".new");
    Files.copy(from, copy, StandardCopyOption.REPLACE_EXISTING);
    Files.move(copy, to, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
  }

  /** Its own certificate. */
  Path certificate() throws Exception {
    return write("ca", entries().getCertificate("ca"));
  }

  Signed sign(String name) throws Exception {
    generate(name, "CN=" + name, "-signer", "ca", "-ext", "san=dns:" + name);
    KeyStore entries = entries();
    byte[] key = entries.getKey(name, PASSWORD.toCharArray()).getEncoded();
    Path file = folder.resolve(store.getFileName() + "-" + name + ".key");
    Files.writeString(file, pem("PRIVATE KEY", key));
    return new Signed(write(name, entries.getCertificate(name)), file);
  }

  private Path write(String name, Certificate certificate) throws Exception {
    Path file = folder.resolve(store.getFileName() + "-" + name + ".crt");
    return Files.writeString(file, pem("CERTIFICATE", certificate.getEncoded()));
  }

  private static String pem(String type, byte[] content) {
    String text = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content);
    return "-----BEGIN %s-----%n%s%n-----END %1$s-----%n".formatted(type, text);
  }

  private KeyStore entries() throws Exception {
    KeyStore entries = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      entries.load(in, PASSWORD.toCharArray());
    }
    return entries;
  }

  private void generate(String alias, String name, String... more) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "keytool").toString());
    command.addAll(List.of("-genkeypair", "-alias", alias, "-dname", name));
    command.addAll(List.of("-keyalg", "EC", "-groupname", "secp256r1", "-validity", "30"));
    command.addAll(List.of("-storetype", "PKCS12", "-storepass", PASSWORD));
    command.addAll(List.of("-keystore", store.toString()));
    command.addAll(List.of(more));
    assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor());
  }
}
