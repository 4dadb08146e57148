// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/**
 * The Helm chart makes what the kustomization makes. Its objects are the kustomization's own files,
 * in which the template replaces a few texts; that is looked at without {@code helm}. Where there
 * is one ({@code -Dhelm=PATH}, or in the path) the objects are rendered and compared.
 */
class ChartTest {
  private static final Path KUSTOMIZATION = Path.of("../kubernetes");
  private static final Path CHART = KUSTOMIZATION.resolve("chart");

  private static final String URLS = "https://172.30.0.1:6443";

  private static Object yaml(Path file) throws IOException {
    return DocumentReader.read(Files.readString(file)).getFirst();
  }

  private static List<String> resources() throws IOException {
    return texts(yaml(KUSTOMIZATION.resolve("kustomization.yaml")), "resources");
  }

  private static List<String> texts(Object tree, String... path) {
    return Trees.items(tree, path).stream().map(Object::toString).toList();
  }

  /** What stands in the files of the objects. */
  private static String objects() throws IOException {
    var all = new StringBuilder();
    for (String each : resources()) {
      all.append(Files.readString(KUSTOMIZATION.resolve(each)));
    }
    return all.toString();
  }

  private static Set<String> found(String regex, String in) {
    Set<String> all = new TreeSet<>();
    Matcher matcher = Pattern.compile(regex).matcher(in);
    while (matcher.find()) {
      all.add(matcher.group(1));
    }
    return all;
  }

  @Test
  void objects_ofTheChart_areTheKustomizationsFiles() throws IOException {
    Object kustomization = yaml(KUSTOMIZATION.resolve("kustomization.yaml"));
    Set<Path> wanted = new HashSet<>();
    for (String each : resources()) {
      wanted.add(KUSTOMIZATION.resolve(each).toRealPath());
    }
    List<?> generators = Trees.items(kustomization, "configMapGenerator");
    assertEquals(1, generators.size());
    for (String each : texts(generators.getFirst(), "envs")) {
      wanted.add(KUSTOMIZATION.resolve(each).toRealPath());
    }
    try (Stream<Path> files = Files.list(CHART.resolve("objects"))) {
      Set<Path> has = new HashSet<>();
      for (Path each : files.toList()) {
        assertTrue(Files.isSymbolicLink(each), each + " is a copy");
        has.add(each.toRealPath());
      }
      assertEquals(wanted, has);
    }
    // The template makes the ConfigMap itself, with the one key that is nobody's default.
    assertEquals(
        Set.of("k8s-api-server-urls"),
        texts(generators.getFirst(), "literals").stream()
            .map(each -> each.replaceFirst("=.*", ""))
            .collect(Collectors.toSet()));
  }

  @Test
  void template_whatItReplaces_isWhatTheObjectsHave() throws IOException {
    String template = Files.readString(CHART.resolve("templates/objects.yaml"));
    Set<String> replaced = new TreeSet<>(found("image: +(\\S+)", objects()));
    replaced.add("namespace: kube-system");
    assertEquals(replaced, found("\\| replace \"([^\"]+)\"", template));
    assertEquals(Set.of("kube-system"), found("namespace: +([^ ,}]+)", objects()));
    // Every value is used, and every one that is used has a default.
    Object values = yaml(CHART.resolve("values.yaml"));
    Set<String> names = new TreeSet<>();
    Trees.map(values)
        .forEach((key, value) -> {
          if (key.equals("images")) {
            Trees.map(value).keySet().forEach(image -> names.add(key + "." + image));
          } else {
            names.add(key);
          }
        });
    assertEquals(names, found("\\.Values\\.([A-Za-z0-9.]+)", template));
    assertEquals(
        found("image: +(\\S+)", objects()),
        new TreeSet<>(
            Trees.map(Trees.at(values, "images")).values().stream().map(String::valueOf).toList()));
  }

  // ---- by helm ----

  private static String helm() {
    String named = System.getProperty("helm", "");
    if (!named.isEmpty()) {
      return named;
    }
    return Stream.of(System.getenv("PATH").split(":", -1))
        .map(each -> Path.of(each, "helm"))
        .filter(Files::isExecutable)
        .map(Path::toString)
        .findFirst()
        .orElse("");
  }

  /** What helm renders; empty after an error, which is then the second. */
  private static List<String> render(String... words) throws IOException {
    Assumptions.assumeFalse(helm().isEmpty(), "no helm: neither in the path nor by -Dhelm");
    List<String> command =
        new ArrayList<>(List.of(helm(), "template", "cilium4j", CHART.toString()));
    command.addAll(List.of(words));
    Path errors = Files.createTempFile("helm", "");
    Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
    String rendered = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = process.onExit().join().exitValue();
    String told = Files.readString(errors);
    Files.delete(errors);
    return code == 0 ? List.of(rendered, "") : List.of("", told);
  }

  /** By kind and name; the namespace of its own helm gives an object when it installs it. */
  private static Map<String, Object> byName(List<?> documents) {
    Map<String, Object> all = new TreeMap<>();
    for (Object each : documents) {
      if (each != null) {
        all.put(Trees.text(each, "kind") + "/" + Trees.text(each, "metadata", "name"), each);
      }
    }
    return all;
  }

  /** What kubectl makes of the kustomization. */
  private static Map<String, Object> kustomized() throws IOException {
    List<Object> documents = new ArrayList<>();
    for (String each : resources()) {
      documents.addAll(DocumentReader.read(Files.readString(KUSTOMIZATION.resolve(each))));
    }
    Map<String, Object> data = new TreeMap<>();
    for (String line : Files.readAllLines(KUSTOMIZATION.resolve("config.env"))) {
      int equals = line.indexOf('=');
      if (!line.startsWith("#") && equals > 0) {
        data.put(line.substring(0, equals), line.substring(equals + 1));
      }
    }
    data.put("k8s-api-server-urls", URLS);
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("apiVersion", "v1");
    config.put("kind", "ConfigMap");
    config.put(
        "metadata",
        Map.of("name", "cilium-config", "labels", Map.of("app.kubernetes.io/part-of", "cilium")));
    config.put("data", data);
    documents.add(config);
    return byName(documents);
  }

  @Test
  void rendered_asItIs_isWhatTheKustomizationMakes() throws IOException {
    List<String> rendered = render("-n", "kube-system", "--set", "k8sApiServerUrls=" + URLS);
    assertEquals("", rendered.getLast());
    assertEquals(kustomized(), byName(DocumentReader.read(rendered.getFirst())));
  }

  @Test
  void rendered_withValues_hasThem() throws IOException {
    String rendered =
        render(
                "-n",
                "other",
                "--set",
                "k8sApiServerUrls=" + URLS + ",images.agent=a:1,config.routing-mode=native")
            .getFirst();
    for (String wanted : List.of("image: a:1", "routing-mode: \"native\"", "namespace: other")) {
      assertTrue(rendered.contains(wanted), wanted + " in " + rendered);
    }
  }

  @Test
  void rendered_withoutAnApiServer_isRefused() throws IOException {
    String told = render().getLast();
    assertTrue(told.contains("k8sApiServerUrls: missing: where the API server is"), told);
  }
}
