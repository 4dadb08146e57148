// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Kubeconfigs and service accounts as they are found on machines and in pods. */
class KubeconfigTest {
  @TempDir private Path folder;

  private Path config(String cluster, String user) throws IOException {
    return Files.writeString(
        folder.resolve("config"),
        """
        apiVersion: v1
        kind: Config
        current-context: here
        contexts:
        - {name: other, context: {cluster: none, user: none}}
        - {name: here, context: {cluster: c, user: u, namespace: ours}}
        clusters: [{name: c, cluster: {server: "https://192.0.2.1:6443/"%s}}]
        users: [{name: u, user: {%s}}]
        """
            .formatted(cluster.isEmpty() ? "" : ", " + cluster, user));
  }

  private static String base64(String file) throws IOException {
    return Base64.getEncoder()
        .encodeToString(PemTest.text(file).getBytes(StandardCharsets.US_ASCII));
  }

  private static String message(Exception e) {
    return String.valueOf(e.getMessage());
  }

  @Test
  void read_token_isSent() throws IOException {
    var access = new Kubeconfig(config("", "token: abc"), List.of());
    assertEquals(List.of(URI.create("https://192.0.2.1:6443")), access.servers());
    assertEquals(Optional.of("Bearer abc"), access.authorization());
    assertEquals("ours", access.namespace());
  }

  @Test
  void read_serversGiven_takeTheirPlace() throws IOException {
    URI given = URI.create("https://198.51.100.1");
    assertEquals(List.of(given), new Kubeconfig(config("", ""), List.of(given)).servers());
  }

  @Test
  void read_password_isSent() throws IOException {
    var access = new Kubeconfig(config("", "username: a, password: b"), List.of());
    assertEquals(Optional.of("Basic YTpi"), access.authorization());
  }

  @Test
  void read_certificatesInsideAndBeside_areTaken() throws IOException {
    Files.writeString(folder.resolve("ca.crt"), PemTest.text("rsa.crt"));
    Files.writeString(folder.resolve("key.pem"), PemTest.text("ec-sec1.pem"));
    var access =
        new Kubeconfig(
            config(
                "certificate-authority: ca.crt",
                "client-certificate-data: " + base64("ec.crt") + ", client-key: key.pem"),
            List.of());
    assertEquals("TLS", access.tls().getProtocol());
    assertEquals(Optional.empty(), access.authorization());
  }

  @Test
  void tls_wrongFiles_sayWhich() throws IOException {
    var missing = new Kubeconfig(config("certificate-authority: ca.crt", ""), List.of());
    assertEquals(
        folder.resolve("ca.crt") + ": no such file",
        assertThrows(IOException.class, missing::tls).getMessage());
    var half = new Kubeconfig(config("", "client-key: ca.crt"), List.of());
    Files.writeString(folder.resolve("ca.crt"), "nothing");
    assertTrue(message(assertThrows(IOException.class, half::tls)).endsWith("wanted both or none"));
    var empty = new Kubeconfig(config("certificate-authority: ca.crt", ""), List.of());
    assertEquals(
        "kubeconfig " + folder.resolve("config") + ": no certificate in PEM",
        assertThrows(IOException.class, empty::tls).getMessage());
  }

  @Test
  void read_whatIsNotSupported_isRefused() throws IOException {
    for (String[] pair :
        new String[][] {
          {"proxy-url: 'http://proxy'", ""},
          {"tls-server-name: other", ""},
          {"", "auth-provider: {name: gcp}"},
          {"", "as: somebody"}
        }) {
      Path file = config(pair[0], pair[1]);
      var e = assertThrows(IOException.class, () -> new Kubeconfig(file, List.of()));
      assertTrue(message(e).endsWith(": not supported"), e.getMessage());
    }
  }

  @Test
  void read_noKubeconfig_saysWhatIsWrong() throws IOException {
    for (String text :
        List.of("", "kind: Config", "{", "kind: Pod", "kind: Config\ncurrent-context: x")) {
      Path file = Files.writeString(folder.resolve("bad"), text);
      var e =
          assertThrows(
              IllegalArgumentException.class,
              () -> ApiOptions.read(Map.of(ApiOptions.KUBECONFIG, file.toString()), Set.of()));
      assertTrue(message(e).startsWith("kubeconfig " + file + ": "), e.getMessage());
      assertEquals(1, message(e).lines().count());
    }
  }

  @Test
  void tokenFile_replaced_isReadAnewOnceItWasRejected() throws IOException {
    Path token = Files.writeString(folder.resolve("token"), "one\n");
    var access = new Kubeconfig(config("", "tokenFile: token"), List.of());
    assertEquals(Optional.of("Bearer one"), access.authorization());
    Files.writeString(token, "two");
    assertEquals(Optional.of("Bearer one"), access.authorization());
    access.rejected();
    assertEquals(Optional.of("Bearer two"), access.authorization());
  }

  @Test
  void tokenFile_afterAMinute_isReadAnew() throws IOException {
    Path file = Files.writeString(folder.resolve("token"), "one");
    long[] nanos = {0};
    var token = new TokenFile(file, () -> nanos[0]);
    assertEquals("one", token.token());
    Files.writeString(file, "two");
    nanos[0] = 59_000_000_000L;
    assertEquals("one", token.token());
    nanos[0] = 60_000_000_000L;
    assertEquals("two", token.token());
  }

  @Test
  void exec_program_isRunUntilItsCredentialExpires() throws IOException {
    Path program =
        Files.writeString(
            folder.resolve("login"),
            """
            #!/bin/sh
            echo run >> runs
            echo "$KUBERNETES_EXEC_INFO" | grep -q '"kind":"ExecCredential"' || exit 3
            [ "$1 $KEY" = "give value" ] || exit 4
            cat <<X
            {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
             "status": {"token": "t$(wc -l < runs | tr -d ' ')", "expirationTimestamp": "$(cat end)"}}
            X
            """);
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    Files.writeString(folder.resolve("end"), "2990-01-01T00:00:00Z");
    var access =
        new Kubeconfig(
            config(
                "",
                "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login,"
                    + " args: [give], env: [{name: KEY, value: value}]}"),
            List.of());
    assertEquals(Optional.of("Bearer t1"), access.authorization());
    assertEquals(Optional.of("Bearer t1"), access.authorization(), "kept");
    access.rejected();
    Files.writeString(folder.resolve("end"), "1990-01-01T00:00:00Z");
    assertEquals(Optional.of("Bearer t2"), access.authorization(), "rejected");
    assertEquals(Optional.of("Bearer t3"), access.authorization(), "expired");
    Files.writeString(program, "#!/bin/sh\nexit 7\n");
    var e = assertThrows(IOException.class, access::authorization);
    assertTrue(message(e).endsWith("gave no credential: exit code 7"), e.getMessage());
  }

  @Test
  void inCluster_serviceAccount_isUsed() throws IOException {
    Files.writeString(folder.resolve("token"), "secret");
    Files.writeString(folder.resolve("namespace"), "kube-system\n");
    Files.writeString(folder.resolve("ca.crt"), PemTest.text("rsa.crt"));
    var access =
        new InCluster(
            List.of(),
            folder,
            Map.of("KUBERNETES_SERVICE_HOST", "fd96::1", "KUBERNETES_SERVICE_PORT", "443"));
    assertEquals(List.of(URI.create("https://[fd96::1]:443")), access.servers());
    assertEquals(Optional.of("Bearer secret"), access.authorization());
    assertEquals("kube-system", access.namespace());
    assertEquals("TLS", access.tls().getProtocol());
  }

  @Test
  void inCluster_noPod_saysWhatIsMissing() {
    var e = assertThrows(IOException.class, () -> new InCluster(List.of(), folder, Map.of()));
    assertTrue(message(e).startsWith("no API server: neither a kubeconfig"), e.getMessage());
  }

  @Test
  void options_unknownOrWrong_areNamed() {
    for (Map<String, String> options :
        List.of(
            Map.of("colour", "red"),
            Map.of("qps", "0"),
            Map.of("qps", "many"),
            Map.of("servers", "ftp://x"))) {
      var e =
          assertThrows(IllegalArgumentException.class, () -> ApiOptions.read(options, Set.of()));
      assertEquals(1, message(e).lines().count());
    }
  }
}
